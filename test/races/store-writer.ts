/** A thread that writes a store of its own on the database that others write, too: see store-threads.test.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Change, StoreBusyError } from '../../src/core/ports/store.ts';
import { openStore } from '../../src/stores/sqlite/store.ts';
import { accepted, aRun, aSpec, T0 } from '../stores/rows.ts';
import { clock, random } from '../stores/sqlite/bundle.ts';

export interface WriterData {
  readonly path: string;
  readonly who: number;
  readonly rounds: number;
  /** Runs in each commit: all of them are there, or none. */
  readonly together: number;
}

export interface WriterReport {
  /** Rounds whose name this writer has. */
  readonly won: readonly number[];
  readonly refused: number;
}

/** Every writer wants the name of every round; beside it, its commit brings a batch of its own. */
function commitOf({ who, rounds, together }: WriterData, round: number): readonly Change[] {
  const batch = `r${round}-w${who}`;
  const first = 1 + (who * rounds + round) * together;
  const runs = Array.from({ length: together }, (_, at) =>
    aRun(first + at, {
      name: at === 0 ? `round-${round}` : `${batch}-${at}`,
      digest: `1:${batch}-${at}`,
      batch,
    }),
  );
  return [
    { do: 'put_batch', batch, created_at: T0 },
    ...runs.map((run): Change => ({ do: 'insert_run', run, spec: aSpec() })),
  ];
}

async function write(data: WriterData): Promise<WriterReport> {
  const store = openStore({ path: data.path, clock: clock(), random });
  const won: number[] = [];
  let refused = 0;
  await store.commit(accepted());
  for (let round = 0; round < data.rounds; round += 1) {
    const answer = await store.commit(commitOf(data, round)).catch((error: unknown) => {
      if (!(error instanceof StoreBusyError)) throw error;
      return null;
    });
    if (answer === null) round -= 1;
    else if (answer.length === 0) won.push(round);
    else refused += 1;
  }
  await store.close();
  return { won, refused };
}

parentPort?.postMessage(await write(workerData as WriterData));
