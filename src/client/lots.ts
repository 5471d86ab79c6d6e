/** Cutting a long list of jobs into lots that a server takes in one transaction each. */
import { LIMITS } from '../core/limits.ts';
import type { JobIn } from './job-in.ts';

/** A quarter of what the server takes: it holds a lot in memory several times while it reads, checks and hashes it. */
const LOT_BYTES_MAX = 64 * 1024 * 1024;

export interface LotLimits {
  readonly jobs_max?: number;
  readonly bytes_max?: number;
}

export interface Lot {
  /** Place of its first job in the whole list. */
  readonly start: number;
  readonly jobs: number;
  /** NDJSON. */
  readonly body: Buffer;
}

/** Yields lots of at most `submission_jobs_max` jobs and 64 MiB; a job above that is a lot of its own. */
export async function* lotsOf(
  jobs: Iterable<JobIn> | AsyncIterable<JobIn>,
  limits: LotLimits = {},
): AsyncGenerator<Lot> {
  const jobsMax = limits.jobs_max ?? LIMITS.submission_jobs_max;
  const bytesMax = limits.bytes_max ?? LOT_BYTES_MAX;
  let start = 0;
  let lines: Buffer[] = [];
  let bytes = 0;
  for await (const job of jobs) {
    const line = Buffer.from(`${JSON.stringify(job)}\n`);
    if (lines.length > 0 && (lines.length === jobsMax || bytes + line.length > bytesMax)) {
      yield { start, jobs: lines.length, body: Buffer.concat(lines, bytes) };
      start += lines.length;
      lines = [];
      bytes = 0;
    }
    lines.push(line);
    bytes += line.length;
  }
  if (lines.length > 0) yield { start, jobs: lines.length, body: Buffer.concat(lines, bytes) };
}
