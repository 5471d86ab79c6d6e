/**
 * Runs a JavaScript or TypeScript AI package as a child of promptd: `node host.ts MODULE`. Calls arrive on stdin, one JSON
 * object a line; answers leave on file descriptor 3. The package's file is loaded as it is.
 */
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import type { CallLine, CallOutcome, PackageFunction, PackageLine } from './protocol.ts';
import type { SentJob } from './package-job.ts';

type Package = Readonly<Record<PackageFunction, (...given: unknown[]) => unknown>>;

const LINE = 3;
const FUNCTIONS: readonly PackageFunction[] = ['get_job_status', 'submit_job', 'retrieve_job'];
let instance: number | null = null;

function say(line: PackageLine): void {
  let bytes: Uint8Array = Buffer.from(`${JSON.stringify(line)}\n`);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(LINE, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      // The pool reads slower than this writes: wait a moment, without letting the package run in between.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** What the package prints keeps its place among the answers. */
function takePrints(stream: 'stdout' | 'stderr'): void {
  const decoder = new TextDecoder();
  process[stream].write = (
    piece: string | Uint8Array,
    encoding?: unknown,
    done?: (error?: Error | null) => void,
  ): boolean => {
    const text = typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true });
    if (text !== '') say({ print: stream, text, instance });
    const callback = typeof encoding === 'function' ? (encoding as () => void) : done;
    if (callback !== undefined) queueMicrotask(callback);
    return true;
  };
}

function told(error: unknown): { readonly message: string; readonly trace: string } {
  const isError = error instanceof Error;
  const message = isError ? `${error.name}: ${error.message}` : inspect(error, { depth: 1 });
  const trace = isError ? inspect(error) : message;
  return { message: message.slice(0, 2_000), trace: trace.slice(0, 20_000) };
}

/** Exports of the module, or a default export that has the functions. */
async function load(path: string): Promise<Package> {
  const module = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
  const missing = (from: unknown): readonly string[] =>
    FUNCTIONS.filter((name) => typeof (from as Partial<Package> | null | undefined)?.[name] !== 'function');
  if (missing(module).length === 0) return module as unknown as Package;
  if (missing(module.default).length === 0) return module.default as Package;
  throw new TypeError(`${basename(path)} exports no function ${missing(module).join(', ')}`);
}

/** Writes the files of a job into this process's own folder; the files of the id's last job go. */
async function withFiles(job: SentJob, id: number): Promise<unknown> {
  const folder = join(process.cwd(), `files-${id}`);
  await rm(folder, { recursive: true, force: true });
  const files: { name: string; media_type: string; path: string }[] = [];
  for (const { name, media_type, data } of job.files) {
    await mkdir(folder, { recursive: true });
    const path = join(folder, name);
    await writeFile(path, Buffer.from(data, 'base64'));
    files.push({ name, media_type, path });
  }
  const messages = job.messages.map(({ role, content }) => ({
    role,
    content:
      typeof content === 'string'
        ? content
        : content.map((part) => (part.type === 'text' ? part : { type: part.type, ...files[part.file] })),
  }));
  return { ...job, messages, files };
}

function nonsense(value: unknown): CallOutcome {
  return { kind: 'nonsense', got: `${typeof value} ${inspect(value, { depth: 1 })}`.slice(0, 200) };
}

function codeOf(value: unknown): CallOutcome {
  return Number.isSafeInteger(value) ? { kind: 'code', code: value as number } : nonsense(value);
}

function fileOf(name: string | null, bytes: Uint8Array, bytes_max: number): CallOutcome {
  if (bytes.length > bytes_max) return { kind: 'too_large', bytes: bytes.length };
  return { kind: 'file', name, data: Buffer.from(bytes).toString('base64') };
}

async function readFileOf(path: string, bytes_max: number): Promise<CallOutcome> {
  const file = await open(path);
  try {
    const facts = await file.stat();
    // A device, or a pipe, says nothing of how much is in it, and may never end.
    if (!facts.isFile()) throw new Error(`${path} is no regular file`);
    return facts.size > bytes_max
      ? { kind: 'too_large', bytes: facts.size }
      : fileOf(basename(path), await file.readFile(), bytes_max);
  } finally {
    await file.close();
  }
}

async function answerOf(value: unknown, bytes_max: number): Promise<CallOutcome> {
  if (value === null || value === undefined) return { kind: 'none' };
  if (typeof value === 'string') {
    const bytes = Buffer.byteLength(value);
    return bytes > bytes_max ? { kind: 'too_large', bytes } : { kind: 'text', text: value };
  }
  if (value instanceof Uint8Array) return fileOf(null, value, bytes_max);
  if (value instanceof ArrayBuffer) return fileOf(null, new Uint8Array(value), bytes_max);
  if (value instanceof URL) return readFileOf(fileURLToPath(value), bytes_max);
  const { path } = value as { readonly path?: unknown };
  return typeof path === 'string' ? readFileOf(path, bytes_max) : nonsense(value);
}

async function called(from: Package, line: CallLine): Promise<CallOutcome> {
  instance = line.instance;
  try {
    if (line.call === 'submit_job') {
      const job = await withFiles(line.job as unknown as SentJob, line.instance);
      return codeOf(await from.submit_job(job, line.instance));
    }
    if (line.call === 'get_job_status') return codeOf(await from.get_job_status(line.instance));
    return await answerOf(await from.retrieve_job(line.instance), line.bytes_max ?? 0);
  } catch (error) {
    return { kind: 'raised', ...told(error) };
  }
}

async function main(path: string): Promise<void> {
  takePrints('stdout');
  takePrints('stderr');
  let loaded: Package;
  try {
    loaded = await load(path);
  } catch (error) {
    say({ failed: told(error) });
    process.exit(1);
  }
  say({ ready: true });
  for await (const text of createInterface({ input: process.stdin })) {
    const line = JSON.parse(text) as CallLine;
    say({ reply: line.id, outcome: await called(loaded, line) });
  }
  // Timers and sockets of the package would keep a process that nobody listens to.
  process.exit(0);
}

await main(process.argv[2] ?? '');
