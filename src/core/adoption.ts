/**
 * A run that a file in `results/` or `ended/` tells of and the queue does not know: of another server, of an earlier database,
 * of `promptd execute`, or written by hand. On its way into the queue it has no id, no lane and nobody that it shares with.
 */
import type { Change } from './ports/store.ts';
import type { LaneNeeds, ResultRow, RunRow, SpecRow } from './rows.ts';

export interface Adoption {
  /** As its file tells it; `run` is 1 and `attempt` 0 where it does not say. */
  readonly row: Omit<RunRow, 'id' | 'lane' | 'leads' | 'answered_by' | 'rank' | 'epoch'> & {
    /** Of the file's name, Unix ms. */
    readonly epoch: number;
  };
  readonly needs: LaneNeeds;
  readonly spec: SpecRow;
  /** Every text that the rows name. */
  readonly bodies: readonly { readonly sha256: string; readonly body: string }[];
  /** Null of a run that failed or was cancelled. */
  readonly result: Omit<ResultRow, 'job'> | null;
  /** The run whose answer it took; null where it has its own, or the file does not say. */
  readonly answered_by: { readonly name: string; readonly run: number } | null;
  /** Whether the file itself says what was asked (`digest`), and not only its name: the bare pair does not. */
  readonly is_certain: boolean;
}

/**
 * What became of one. `adopted`: it is a run of its own now. `completed`: it is the answer of a run of its name that had none
 * and had not ended. `known`: that run has ended with this very file. `of_no_run`: the name has other runs, and it is the
 * answer of none of them.
 */
export type AdoptionVerdict = 'adopted' | 'completed' | 'known' | 'of_no_run';

/** Among the warnings of an answer whose file carried no hash. */
export const UNVERIFIED = 'unverified: its file carried no hash when it was taken from the folder';

/** What is known of an adopted run only where it is written. */
export interface AdoptedPlace extends Pick<RunRow, 'id' | 'lane' | 'leads' | 'answered_by'> {
  readonly run: number;
}

/** Its rows: bodies first, then the run, its result. Its lane and its batch are there by then. */
export function adoptedRows(
  { row, result }: Pick<Adoption, 'row' | 'result'>,
  place: AdoptedPlace,
): { readonly run: RunRow; readonly result: ResultRow | null } {
  return {
    run: { ...row, ...place, rank: 0 },
    result: result === null ? null : { ...result, job: place.id },
  };
}

export function adoptedBodies({ bodies }: Pick<Adoption, 'bodies'>): Change[] {
  return bodies.map(({ sha256, body }) => ({ do: 'put_body', sha256, body }));
}
