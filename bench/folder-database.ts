/** The database of generated files, written as `promptd rebuild` would, without reading them: reading a million takes long. */
import { mkdir } from 'node:fs/promises';
import { sha256 } from '../src/core/identity.ts';
import type { Change } from '../src/core/ports/store.ts';
import type { RunRow } from '../src/core/rows.ts';
import { systemClock } from '../src/platform/clock.ts';
import { systemRandom } from '../src/platform/random.ts';
import { createPrepare } from '../src/prompt/prepare.ts';
import { openStore } from '../src/stores/sqlite/store.ts';
import { layoutOf } from '../src/workspace/layout.ts';
import { answerText, epochOf, jobText, nameOf } from './folder-files.ts';
import { job as aJob, META } from './store-jobs.ts';

const LOT = 2_000;
const LANE = 1;

const prepare = createPrepare({
  endpoints: new Map([['simulator', { name: 'simulator', kind: 'simulator' as const }]]),
  default_endpoint: 'simulator',
  links: null,
});

export async function writeDatabase(root: string, files: number): Promise<void> {
  const layout = layoutOf(root);
  await mkdir(layout.state, { recursive: true });
  const store = openStore({ path: layout.database, clock: systemClock, random: systemRandom });
  const lane = { id: LANE, endpoint: 'simulator', model: 'noop', needs: '', last_rank: 0 } as const;
  await store.commit([{ do: 'put_lane', lane }]);
  for (let from = 0; from < files; from += LOT) {
    const changes: Change[] = [];
    for (let i = from; i < Math.min(files, from + LOT); i += 1) changes.push(...(await changesOf(i)));
    const refused = await store.commit(changes);
    if (refused.length > 0) throw new Error(`refused: ${JSON.stringify(refused[0])}`);
    await store.tidy();
  }
  await store.close();
}

async function changesOf(i: number): Promise<readonly Change[]> {
  const name = nameOf(i);
  const prepared = await prepare(JSON.parse(jobText(name)), {
    via: 'folder',
    link: `${name}.json`,
    defaults: { name },
  });
  if (!prepared.ok) throw new Error(JSON.stringify(prepared.faults));
  const { job } = prepared;
  const text = answerText(i);
  const text_sha256 = sha256(text);
  const epoch = epochOf(i);
  const run: RunRow = {
    ...aJob(i + 1).run,
    ...{ name, source: job.source, lane: LANE, model: job.model, digest: job.digest, batch: null },
    state: 'completed',
    ...{ rank: 0, leads: true, attempt: 1, instance: 0 },
    ...{ started_at: epoch, finished_at: epoch, epoch },
  };
  const { spec_sha256, prompt_sha256, request, options, metadata, link } = job;
  const result = { job: i + 1, epoch, attempt: 1, text_sha256, meta: META, accepted_at: epoch };
  return [
    { do: 'put_body', sha256: spec_sha256, body: job.spec },
    { do: 'put_body', sha256: prompt_sha256, body: job.prompt },
    { do: 'put_body', sha256: text_sha256, body: text },
    { do: 'insert_run', run, spec: { spec_sha256, prompt_sha256, request, options, metadata, link } },
    { do: 'insert_result', result: { ...result, text_bytes: Buffer.byteLength(text) } },
  ];
}
