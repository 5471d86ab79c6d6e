/** No-op jobs end to end: handed in over HTTP, run on the instance, results stored; then until every file stands. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobIn } from '../src/client/job-in.ts';
import { perSecond, type Part } from './serve-process.ts';

const LOT = 1_000;

export async function flow({ client, jobs }: Part): Promise<void> {
  await round(client, 2_000, 'warm');
  const began = performance.now();
  const submitted = await round(client, jobs, 'flow');
  const done = performance.now() - began;
  console.log(
    `flow: ${jobs} distinct jobs end to end (submitted, run, results stored): ${perSecond(jobs, done)}; the last was accepted after ${(submitted / 1000).toFixed(2)} s, answered after ${(done / 1000).toFixed(2)} s`,
  );
  for (;;) {
    const { unpublished } = (await client.stats()) as unknown as { unpublished: number };
    if (unpublished === 0) break;
    await sleep(100);
  }
  const published = performance.now() - began;
  console.log(
    `flow: every job and result file on disk after ${(published / 1000).toFixed(2)} s: ${perSecond(jobs * 2, published)} files`,
  );
}

async function round(client: Part['client'], jobs: number, batch: string): Promise<number> {
  const began = performance.now();
  for (let from = 0; from < jobs; from += LOT) {
    const lot: JobIn[] = Array.from({ length: Math.min(LOT, jobs - from) }, (_, i) => ({
      key: String(from + i),
      batch,
      prompt: `${batch}: say something about number ${from + i}. ${'x'.repeat(150)}`,
      configuration: { LLM_name: 'simulator:noop', max_tokens: 5 },
    }));
    await client.submitMany(lot);
  }
  const submitted = performance.now() - began;
  for (;;) {
    const { ended } = await client.batch(batch, { wait: 10 });
    if (ended >= jobs) return submitted;
  }
}
