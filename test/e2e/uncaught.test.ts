/** F89: an error that nobody catches ends its process with a reason, and what was accepted is there afterwards. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { setup } from './machine.ts';
import { until } from '../support/until.ts';

const THROWS = { NODE_OPTIONS: `--import=${new URL('../support/throw-when-told.ts', import.meta.url).href}` };

function job(name: string) {
  return { name, prompt: `question ${name}`, configuration: { LLM_name: 'ollama:test-model' } };
}

describe('an error that nobody catches', { timeout: 120_000 }, () => {
  it.each(['exception', 'rejection'])(
    'F89: ends serve (%s) with 1 and the reason in its log; the next one goes on with everything',
    async (kind) => {
      const machine = await setup();
      machine.model.script(/./, { hold: 'headers' });
      const env = { ...THROWS, PROMPTD_TEST_THROW: kind };
      const { client, process: serve } = await machine.serve({ env });
      for (const name of ['a', 'b', 'c']) await client.submit(job(name));
      await until('all to be asked', () => machine.model.requests.length === 3);
      const exited = once(serve, 'exit');
      serve.kill('SIGUSR2');
      expect(await exited).toEqual([1, null]);
      const log = (await readFile(machine.path('.promptd', 'logs', 'serve.log'), 'utf8'))
        .trimEnd()
        .split('\n');
      expect(JSON.parse(log.at(-1) ?? '')).toMatchObject({
        msg: 'fatal',
        message: expect.stringMatching(/^Error: a bug of promptd\n +at /) as string,
      });
      // Its instance goes on meanwhile, and brings what it was answered.
      machine.model.release();
      const next = await machine.serve();
      for (const name of ['a', 'b', 'c'])
        await until(`${name} to end`, async () => (await next.client.job(name)).state === 'completed');
      expect(machine.model.requests.length, 'nothing was asked twice').toBe(3);
      await next.stop();
    },
  );

  it('F89: ends an instance with its reason in its log; serve starts another one, and the work is done', async () => {
    const machine = await setup();
    machine.model.script(/./, { hold: 'headers' });
    const { client, stop } = await machine.serve({ env: THROWS });
    await client.submit(job('a'));
    await until('it to be asked', () => machine.model.requests.length === 1);
    const [pid] = await machine.localInstances();
    process.kill(pid!, 'SIGUSR2');
    machine.model.script(/./, {});
    await until('its end', async () => (await client.job('a')).state === 'completed', 60_000);
    expect(await machine.localInstances()).not.toEqual([pid]);
    const log = await readFile(machine.path('.promptd', 'logs', 'instance-local.log'), 'utf8');
    expect(log).toMatch(/"message":"Error: a bug of promptd\\n +at .*"msg":"fatal"/);
    const { with: more } = await client.job('a', { with: ['attempts'] });
    expect(more?.attempts?.map(({ outcome }) => outcome)).toEqual(['lost', 'succeeded']);
    await stop();
  });
});
