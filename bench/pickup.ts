/** From handing in one job to a quiet server to its answer: acceptance, dispatch, a no-op run, acceptance of the answer. */
import { percentiles, type Part } from './serve-process.ts';

const COUNT = 300;

export async function pickup({ client }: Part): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < COUNT; i += 1) {
    const began = performance.now();
    await client.submit({
      name: `pickup-${i}`,
      prompt: `pick up ${i}`,
      configuration: { LLM_name: 'simulator:noop', max_tokens: 5 },
    });
    const job = await client.job(`pickup-${i}`, { wait: 10 });
    if (job.state !== 'completed') throw new Error(`pickup-${i} is ${job.state}`);
    times.push(performance.now() - began);
  }
  console.log(`pickup: one job at a time, handed in until answered: ${percentiles(times)}`);
}
