/** Single durable submissions: one request each, answered when it is on disk; one after the other, and 32 at a time. */
import { perSecond, percentiles, type Part } from './serve-process.ts';

export async function single({ client }: Part): Promise<void> {
  for (const [concurrency, count] of [
    [1, 1_000],
    [32, 8_000],
  ] as const) {
    const times: number[] = [];
    let next = 0;
    const began = performance.now();
    const worker = async (): Promise<void> => {
      while (next < count) {
        const i = next++;
        const at = performance.now();
        await client.submit({
          name: `single-${concurrency}-${i}`,
          prompt: `${concurrency} ${i}`,
          configuration: { LLM_name: 'simulator:noop', max_tokens: 5 },
          options: { run_at: '2100-01-01T00:00:00Z' },
        });
        times.push(performance.now() - at);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, worker));
    const took = performance.now() - began;
    console.log(
      `single: ${count} durable submissions, ${concurrency} at a time: ${perSecond(count, took)}; ${percentiles(times)}`,
    );
  }
}
