#!/usr/bin/env node
// Prints whole messages in place of one text: {"messages": [{"role", "content"}, …]}.
import { text } from 'node:stream/consumers';

const { args } = JSON.parse(await text(process.stdin));
const messages = [
  { role: 'system', content: 'You interview people for a radio show. One question at a time.' },
  ...args.said.flatMap(([question, answer]) => [
    { role: 'assistant', content: question },
    { role: 'user', content: answer },
  ]),
];
console.log(JSON.stringify({ messages }));
