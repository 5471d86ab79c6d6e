/** What a body of `POST /jobs` holds: one job, an array of them, or one a line. Texts are read by core, with line and column. */
import { type Fault, Problem } from '../core/errors.ts';
import { joinPaths } from '../core/job-path.ts';
import { decodeUtf8, type ParsedJobText, parseJobText, placeFaults, splitNdjson } from '../core/job-text.ts';
import type { HttpLimits } from './http-options.ts';

/** One job of a body, not yet looked at. */
export interface Candidate {
  readonly value: unknown;
  /** Faults of its text, where it could not be read. */
  readonly faults: readonly Fault[];
  /** Gives faults within the job their path in the body, their line and their column. */
  place(faults: readonly Fault[]): Fault[];
}

export interface Lot {
  /** Whether the body is one job alone, which is answered as one. */
  readonly single: boolean;
  readonly size: number;
  /** Reads the jobs one by one, so that a large lot of NDJSON is never in memory as values. */
  candidates(): Iterable<Candidate>;
}

type LotLimits = Pick<HttpLimits, 'job_bytes_max' | 'submission_jobs_max'>;

/** Throws TooLarge, TooManyJobs, or InvalidJob where the text as a whole is none. */
export function readLot(bytes: Uint8Array, kind: 'json' | 'ndjson', limits: LotLimits): Lot {
  const text = decodeUtf8(bytes);
  if (typeof text !== 'string') throw Problem.ofFaults([text]);
  const lot = kind === 'ndjson' ? lotOfLines(text, limits) : lotOfJson(text, limits);
  if (lot.size > limits.submission_jobs_max) {
    throw new Problem(
      'TooManyJobs',
      `${lot.size} jobs in one submission; ${limits.submission_jobs_max} are allowed`,
      {
        hint: 'Split the submission.',
      },
    );
  }
  return lot;
}

function lotOfLines(text: string, limits: LotLimits): Lot {
  const lines = splitNdjson(text);
  return {
    single: false,
    size: lines.length,
    *candidates() {
      for (const [index, { line, text: content }] of lines.entries()) {
        const prefix = `jobs[${index}]`;
        const long = tooLong(content, limits);
        if (long !== null) {
          yield {
            value: undefined,
            faults: [{ ...long, path: prefix, line }],
            place: (faults) => [...faults],
          };
          continue;
        }
        const parsed = parseJobText(content);
        const place = (faults: readonly Fault[]): Fault[] =>
          placeFaults(faults, parsed, '', line).map((fault) => ({
            ...fault,
            path: joinPaths(prefix, fault.path),
          }));
        yield { value: parsed.value, faults: place(parsed.faults), place };
      }
    },
  };
}

function lotOfJson(text: string, limits: LotLimits): Lot {
  const parsed = parseJobText(text);
  if (parsed.faults.length > 0) throw Problem.ofFaults(parsed.faults);
  if (Array.isArray(parsed.value))
    return lotOfArray(parsed.value as readonly unknown[], text, parsed, limits);
  const long = tooLong(text, limits);
  if (long !== null) throw new Problem('TooLarge', `The job has ${long.got}; expected ${long.expected}`);
  return {
    single: true,
    size: 1,
    *candidates() {
      yield { value: parsed.value, faults: [], place: (faults) => placeFaults(faults, parsed) };
    },
  };
}

function lotOfArray(items: readonly unknown[], text: string, parsed: ParsedJobText, limits: LotLimits): Lot {
  // Only a body above the limit of one job can hold a job above it.
  const mayBeLong = tooLong(text, limits) !== null;
  return {
    single: false,
    size: items.length,
    *candidates() {
      for (const [index, value] of items.entries()) {
        const place = (faults: readonly Fault[]): Fault[] =>
          placeFaults(faults, parsed, `[${index}]`).map((fault) => ({ ...fault, path: `jobs${fault.path}` }));
        const long = mayBeLong ? tooLong(JSON.stringify(value), limits) : null;
        yield { value, faults: long === null ? [] : place([long]), place };
      }
    },
  };
}

function tooLong(text: string, limits: LotLimits): Fault | null {
  // A UTF-16 unit takes at most three bytes, so most texts need no counting.
  if (text.length * 3 <= limits.job_bytes_max) return null;
  const bytes = Buffer.byteLength(text);
  if (bytes <= limits.job_bytes_max) return null;
  return {
    code: 'TooLarge',
    path: '',
    expected: `at most ${limits.job_bytes_max} bytes`,
    got: `${bytes} bytes`,
  };
}
