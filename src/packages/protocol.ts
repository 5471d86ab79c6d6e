/**
 * What a pool and the process of an AI package say to each other: JSON, one object a line, one call at a time. The package's
 * own prints travel as such lines too, so that they keep their place among the answers.
 */
import { z } from 'zod';
import type { Json } from '../core/json.ts';

export type PackageFunction = 'get_job_status' | 'submit_job' | 'retrieve_job';

/** From the pool. */
export interface CallLine {
  readonly id: number;
  readonly call: PackageFunction;
  readonly instance: number;
  /** Of `submit_job`: as src/packages/package-job.ts makes it. */
  readonly job?: Json;
  /** Of `retrieve_job`: an answer of more bytes is not read. */
  readonly bytes_max?: number;
}

const outcome = z.discriminatedUnion('kind', [
  /** An integer of `get_job_status` or `submit_job`. */
  z.object({ kind: z.literal('code'), code: z.number() }),
  /** What `retrieve_job` may give: nothing yet, text, or bytes with the name of their file. */
  z.object({ kind: z.literal('none') }),
  z.object({ kind: z.literal('text'), text: z.string() }),
  z.object({ kind: z.literal('file'), name: z.string().nullable(), data: z.string() }),
  z.object({ kind: z.literal('too_large'), bytes: z.number() }),
  /** A value of another type than the function's. */
  z.object({ kind: z.literal('nonsense'), got: z.string() }),
  z.object({ kind: z.literal('raised'), message: z.string(), trace: z.string() }),
]);
export type CallOutcome = z.infer<typeof outcome>;

/** From the process. */
const line = z.union([
  z.object({ ready: z.literal(true) }),
  z.object({ failed: z.object({ message: z.string(), trace: z.string() }) }),
  z.object({ print: z.enum(['stdout', 'stderr']), text: z.string(), instance: z.number().nullable() }),
  z.object({ reply: z.number(), outcome }),
]);
export type PackageLine = z.infer<typeof line>;

/** Null where it is no line of this protocol. */
export function readLine(text: string): PackageLine | null {
  try {
    const read = line.safeParse(JSON.parse(text));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}

const NEWLINE = 10;

/** Cuts pieces of bytes into lines; a line is decoded once, when it is whole. */
export class LineCutter {
  readonly #bytes_max: number;
  #open: Uint8Array[] = [];
  #bytes = 0;

  constructor(bytes_max: number) {
    this.#bytes_max = bytes_max;
  }

  /** The lines that this piece ends; null where one is longer than it may be. */
  lines(piece: Uint8Array): readonly string[] | null {
    const lines: string[] = [];
    let from = 0;
    for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, from)) {
      lines.push(Buffer.concat([...this.#open, piece.subarray(from, at)]).toString('utf8'));
      this.#open = [];
      this.#bytes = 0;
      from = at + 1;
    }
    this.#open.push(piece.slice(from));
    this.#bytes += piece.length - from;
    return this.#bytes > this.#bytes_max ? null : lines;
  }
}
