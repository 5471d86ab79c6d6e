/**
 * Secrets that tests plant, a platform that repeats whatever it is sent, and the search for the secrets in everything that a
 * workspace and its programs leave and say, in each form in which they could stand there.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { Machine } from './machine.ts';

export const BY_ENV = 'sk-canary-env-4f9d1c7b2a"e8';
const BY_FILE = 'sk-canary-file-93ab77+/=c1';
const BY_URL = 'canary p@ss url 5512';

/** A key as it is, in a URL, in JSON, and as one of HTTP's basic credentials. */
function formsOf(secret: string): string[] {
  const forms = [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64').replace(/=+$/, ''),
    Buffer.from(`me:${secret}`).toString('base64').replace(/=+$/, ''),
  ];
  return [...new Set(forms)];
}

/** A platform that repeats what it is sent: in the body of errors, in headers, in the middle of a stream. */
export async function startParrot(): Promise<string> {
  const server = createServer((asked, answer) => void repeat(asked, answer));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function repeat(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  const given = asked.headers.authorization ?? '';
  const encoded = given.replace(/^Basic /, '');
  const plain = given.startsWith('Basic ') ? Buffer.from(encoded, 'base64').toString() : given;
  let body = '';
  for await (const chunk of asked) body += String(chunk);
  const said = `You sent "${plain}", which is ${encodeURIComponent(plain)} and ${given}; ${JSON.stringify(plain)}`;
  const status = Number(/status (\d+)/.exec(body)?.[1] ?? 200);
  if (status === 301) {
    answer.writeHead(301, { location: `http://elsewhere.example/?key=${encodeURIComponent(plain)}` }).end();
  } else if (status === 200) {
    answer.writeHead(200, { 'content-type': 'text/event-stream', 'x-you-sent': encodeURIComponent(plain) });
    answer.end(`data: ${JSON.stringify({ error: { message: said, type: 'server_error' } })}\n\n`);
  } else {
    answer.writeHead(status, { 'content-type': 'application/json' });
    answer.end(JSON.stringify({ error: { message: said, code: said, type: said } }));
  }
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function get(machine: Machine, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: machine.path('.promptd', 'http.sock'), path }, async (answer) => {
      let text = JSON.stringify(answer.headers);
      for await (const chunk of answer) text += String(chunk);
      resolve(text);
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Command lines of all processes of this workspace. */
async function commandLines(root: string): Promise<string[]> {
  const lines: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
    const cwd = line === '' ? '' : await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    if (line.includes(root) || cwd.includes('CANARY_KEY=')) lines.push(line);
  }
  return lines;
}

/** Endpoints that are asked with one of the canaries each; `by_file` finds its key in a file. */
export function canaryEndpoints(parrot: string): Readonly<Record<string, object>> {
  return {
    by_env: { kind: 'openai-compatible', base_url: `${parrot}/v1`, api_key_env: 'CANARY_KEY' },
    by_file: { kind: 'openai-compatible', base_url: `${parrot}/v1`, api_key_file: 'key.txt' },
    by_url: {
      kind: 'ollama',
      base_url: parrot.replace('//', `//me:${encodeURIComponent(BY_URL)}@`),
      sticky_models: false,
    },
  };
}

export async function plantKeyFile(machine: Machine): Promise<void> {
  await writeFile(machine.path('key.txt'), `${BY_FILE}\n`);
  await chmod(machine.path('key.txt'), 0o600);
}

/** What the server says, what commands print, what processes are called, and every file: by a name for each. */
export async function everythingSaid(
  machine: Machine,
  urls: readonly string[],
  commands: readonly (readonly string[])[],
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const url of urls) texts.set(`GET ${url}`, await get(machine, url));
  for (const command of commands) {
    const { stdout, stderr } = await machine.promptd(...command);
    texts.set(`promptd ${command.join(' ')}`, stdout + stderr);
  }
  for (const [nth, line] of (await commandLines(machine.root)).entries()) texts.set(`process ${nth}`, line);
  // Where they were put.
  const own = new Set(['key.txt', 'promptd.config.json']);
  for (const path of await filesUnder(machine.root)) {
    const name = relative(machine.root, path);
    if (!own.has(name)) texts.set(name, await readFile(path, 'latin1').catch(() => ''));
  }
  const files = [...texts.keys()];
  for (const wanted of ['queue.db', 'queue.db-wal', 'serve.log', 'instance-local.log'])
    expect(
      files.some((name) => name.endsWith(wanted)),
      `${wanted} was searched`,
    ).toBe(true);
  return texts;
}

/** Where a canary stands, in whichever form. */
export function canariesIn(texts: ReadonlyMap<string, string>): string[] {
  return [...texts].flatMap(([name, text]) =>
    [BY_ENV, BY_FILE, BY_URL].flatMap((secret) =>
      formsOf(secret).flatMap((form) => (text.includes(form) ? [`${form} in ${name}`] : [])),
    ),
  );
}
