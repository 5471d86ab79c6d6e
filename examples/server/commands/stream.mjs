#!/usr/bin/env node
// The same request, answered as a stream of events: "sse" takes the texts from where OpenAI's streams have them.
import { text } from 'node:stream/consumers';

const { endpoint, messages } = JSON.parse(await text(process.stdin));
const body = { model: endpoint.model, messages, stream: true };
console.log(JSON.stringify({ http: { path: '/chat/completions', body, result: 'sse' } }));
