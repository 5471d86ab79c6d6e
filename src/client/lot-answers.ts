/** Putting the answers to the lots of one list together, places counted over the whole list. */
import { type Fault, Problem } from '../core/errors.ts';
import type { LotView } from '../core/views.ts';

export interface LotOptions {
  /** `skip`: what is wrong is left out and reported in `refused`. Otherwise any fault refuses the lot. */
  readonly on_invalid?: 'skip';
  /** A word that makes all of them fresh draws, each the next run of its name. */
  readonly fresh?: string;
  readonly signal?: AbortSignal;
  /** Called for each lot once it is accepted; `start` is the place of its first job in the whole list. */
  readonly onLot?: (answer: LotView, start: number) => void;
}

export function joinLots(lots: readonly { readonly start: number; readonly answer: LotView }[]): LotView {
  const sum = (of: (answer: LotView) => number): number =>
    lots.reduce((total, { answer }) => total + of(answer), 0);
  const refused = lots.flatMap(({ start, answer }) =>
    (answer.refused ?? []).map((one) => ({ ...one, index: one.index + start })),
  );
  const warnings = [...new Set(lots.flatMap(({ answer }) => answer.warnings ?? []))];
  const next = lots.flatMap(({ answer }) => answer.next_runs ?? []);
  return {
    created: sum((answer) => answer.created),
    answered_before: sum((answer) => answer.answered_before),
    shared: sum((answer) => answer.shared),
    known: sum((answer) => answer.known),
    jobs: lots.flatMap(({ answer }) => answer.jobs),
    ...(next.length === 0
      ? {}
      : {
          next_runs: {
            total: next.reduce((total, one) => total + one.total, 0),
            some: next.flatMap((one) => one.some),
          },
        }),
    ...(refused.length === 0 ? {} : { refused }),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

/** Place of a job in a lot at the head of a fault's path: `jobs[3].configuration.seed` or `[3]`. */
const PLACE = /^(?:jobs)?\[(\d+)\]\.?/;

/** Splits the path of a fault of a lot into the job's place and the path within the job; null where it names no place. */
export function placeOf(fault: Fault): { readonly index: number; readonly path: string } | null {
  const match = PLACE.exec(fault.path);
  return match === null ? null : { index: Number(match[1]), path: fault.path.slice(match[0].length) };
}

/** The same problem with its places counted from `start`. */
export function shiftFaults(error: unknown, start: number): unknown {
  if (start === 0 || !(error instanceof Problem) || error.faults.length === 0) return error;
  const faults = error.faults.map((fault) => {
    const place = placeOf(fault);
    return place === null
      ? fault
      : { ...fault, path: `jobs[${place.index + start}]${place.path === '' ? '' : '.'}${place.path}` };
  });
  return new Problem(error.code, error.message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    faults,
    cause: error,
  });
}
