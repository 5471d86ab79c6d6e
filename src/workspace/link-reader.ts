/**
 * Reads what jobs link to, and nothing else of this machine. The text of a path is checked first; then the opened file
 * itself, since only what is open can no longer be exchanged for something else.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { LIMITS } from '../core/limits.ts';
import { linkObjection } from '../core/link-path.ts';
import { LinkError, type LinkReader } from '../core/ports/link-reader.ts';

export interface LinkReaderOptions {
  /** The workspace's folder, absolute. */
  readonly root: string;
  readonly bytes_max?: number;
}

// Not through a symlink, and without waiting for the other end of a pipe.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class WorkspaceLinkReader implements LinkReader {
  readonly #root: string;
  readonly #bytes_max: number;

  constructor(options: LinkReaderOptions) {
    this.#root = options.root;
    this.#bytes_max = options.bytes_max ?? LIMITS.data_file_bytes_max;
  }

  async read(link: string): Promise<Uint8Array> {
    return (await this.#open(link)).bytes;
  }

  async script(link: string): Promise<{ readonly file: string; readonly bytes: Uint8Array }> {
    if (link.startsWith('data/')) throw new LinkError('refused', 'scripts stand in prompts/ or commands/');
    const { file, bytes, mode } = await this.#open(link);
    if ((mode & 0o111) === 0) throw new LinkError('not_executable', 'nobody may execute it');
    return { file, bytes };
  }

  async #open(
    link: string,
  ): Promise<{ readonly file: string; readonly bytes: Uint8Array; readonly mode: number }> {
    const objection = linkObjection(link);
    if (objection !== null) throw new LinkError('refused', objection);
    const expected = path.join(await this.#realRoot(), link);
    const file = await openPlain(expected);
    try {
      const facts = await file.stat();
      if (!facts.isFile()) throw new LinkError('refused', 'it is no regular file');
      if ((await realPathOf(file, expected)) !== expected)
        throw new LinkError('refused', 'there is a symlink on its way');
      if (facts.size > this.#bytes_max) throw tooLarge(facts.size, this.#bytes_max);
      const bytes = await readAll(file, facts.size, this.#bytes_max);
      return { file: expected, bytes, mode: facts.mode };
    } finally {
      await file.close();
    }
  }

  async #realRoot(): Promise<string> {
    try {
      return await realpath(this.#root);
    } catch (error) {
      throw linkErrorOf(error);
    }
  }
}

async function openPlain(file: string): Promise<FileHandle> {
  try {
    return await open(file, FLAGS);
  } catch (error) {
    throw linkErrorOf(error);
  }
}

/** Where the opened file really is. Linux says it of the descriptor; elsewhere the path is asked, and must still lead to it. */
async function realPathOf(file: FileHandle, expected: string): Promise<string | null> {
  try {
    return await readlink(`/proc/self/fd/${file.fd}`);
  } catch {
    const [real, named, opened] = await Promise.all([realpath(expected), stat(expected), file.stat()]);
    return named.ino === opened.ino && named.dev === opened.dev ? real : null;
  }
}

/** Also a file that grows meanwhile ends at the limit. */
async function readAll(file: FileHandle, size: number, bytes_max: number): Promise<Uint8Array> {
  let buffer = Buffer.allocUnsafeSlow(size + 1);
  let filled = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, filled);
    if (bytesRead === 0) return buffer.subarray(0, filled);
    filled += bytesRead;
    if (filled > bytes_max) throw tooLarge(filled, bytes_max);
    if (filled === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
  }
}

function tooLarge(bytes: number, bytes_max: number): LinkError {
  return new LinkError('too_large', `It has ${bytes} bytes or more; ${bytes_max} are allowed`);
}

function linkErrorOf(error: unknown): LinkError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return new LinkError('missing', 'there is no such file');
  if (code === 'ELOOP' || code === 'EMLINK') return new LinkError('refused', 'it is a symlink');
  if (code === 'EACCES' || code === 'EPERM') return new LinkError('refused', 'promptd may not read it');
  if (code === 'ENXIO' || code === 'EISDIR') return new LinkError('refused', 'it is no regular file');
  throw error;
}
