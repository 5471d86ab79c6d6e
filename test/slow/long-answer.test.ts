/** Answers of minutes: no library's 300 seconds cut them. Run by `npm run test:slow`, for it takes five minutes. */
import { expect, it } from 'vitest';
import { setup } from '../e2e/machine.ts';
import { until } from '../support/until.ts';

it('R5 R18: answers that take 310 s arrive, over both protocols, silent at first or slow all the way', async () => {
  const machine = await setup();
  const serving = await machine.serve();
  machine.model.script('silent', { tokens: 3, headers_delay_ms: 310_000 });
  machine.model.script('slow', { tokens: 31, token_delay_ms: 10_000 });
  const jobs = ['ollama', 'openai'].flatMap((endpoint) =>
    ['silent', 'slow'].map((how) => ({
      name: `${endpoint}-${how}`,
      batch: 'long',
      prompt: `a ${how} answer of ${endpoint}`,
      configuration: { LLM_name: `${endpoint}:test-model` },
      options: { timeout: '20m', first_token_timeout: '10m' },
    })),
  );
  const began = performance.now();
  await serving.client.submitMany(jobs);
  await until(
    'the answers',
    async () => (await serving.client.batch('long', { wait: 30 })).ended === 4,
    400_000,
  );
  expect(performance.now() - began).toBeGreaterThan(310_000);
  expect((await serving.client.batch('long')).counts).toMatchObject({ completed: 4 });
  expect(machine.model.stats().total).toBe(4);
  expect(await serving.stop()).toBe(0);
}, 420_000);
