import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SimulatorProvider } from '../../src/providers/simulator.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ask, callOf, endpointOf, hear, neverAborted } from './calls.ts';
import { providerSuite } from './provider-suite.ts';

describe('every provider: simulator', () => {
  const slow = { endpoint: endpointOf('simulator', { settings: { tokens_per_second: 5_000 } }) };
  providerSuite('simulator', async () =>
    Promise.resolve({ slow, base_url: '', close: async () => Promise.resolve() }),
  );
});

function setup() {
  const clock = new FakeClock();
  const provider = new SimulatorProvider({ clock, timers: clock });
  const instant = endpointOf('simulator', { settings: { tokens_per_second: 0 } });
  return { clock, provider, instant };
}

describe('simulator', () => {
  it('gives the same answer to the same question, and another one to another seed, sample, model or prompt', async () => {
    const { provider, instant } = setup();
    const question = fc.record({
      model: fc.string(),
      content: fc.string({ unit: 'binary' }),
      seed: fc.integer(),
      sample: fc.oneof(fc.integer(), fc.string()),
    });
    const textOf = async (
      asked: typeof question extends fc.Arbitrary<infer Q> ? Q : never,
    ): Promise<string> => {
      const call = callOf('simulator', '', {
        endpoint: instant,
        model: asked.model,
        messages: [{ role: 'user', content: asked.content }],
        parameters: { seed: asked.seed },
        extra: { sample: asked.sample },
      });
      return (await ask(provider, call)).text;
    };
    await fc.assert(
      fc.asyncProperty(question, async (asked) => {
        const text = await textOf(asked);
        expect(await textOf(asked)).toBe(text);
        expect(await textOf({ ...asked, seed: asked.seed + 1 })).not.toBe(text);
        expect(await textOf({ ...asked, sample: `${asked.sample}+` })).not.toBe(text);
        expect(await textOf({ ...asked, content: `${asked.content}+` })).not.toBe(text);
      }),
      { numRuns: 200 },
    );
  });

  it('writes Markdown with a heading, a list, a table and code', async () => {
    const { provider, instant } = setup();
    const { text } = await ask(provider, callOf('simulator', '', { endpoint: instant }));
    expect(text).toMatch(/^# /m);
    expect(text).toMatch(/^- /m);
    expect(text).toMatch(/^\| --- \|/m);
    expect(text).toMatch(/^```json$/m);
  });

  it('says that it is a stand-in: in the first line, as the model that answered, and in a warning', async () => {
    const { provider, instant } = setup();
    const answer = await ask(provider, callOf('simulator', '', { endpoint: instant }));
    expect(answer.text.split('\n')[0]).toContain('stand-in');
    expect(answer.model_answered).toBe('simulator (stand-in)');
    expect(answer.warnings[0]).toContain('stand-in');
  });

  it('speaks at the speed that is set, 200 tokens a second by default', async () => {
    const { clock, provider } = setup();
    const heard = hear();
    const asked = provider.call(
      callOf('simulator', '', { parameters: { max_tokens: 100 } }),
      heard.observer,
      neverAborted(),
    );
    await clock.advance(250);
    expect(heard.pieces.length).toBe(50);
    await clock.advance(250);
    expect((await asked).text).toBe(heard.pieces.join(''));
    expect(clock.waiting).toBe(0);
  });

  it('sets no timer at all at speed 0', async () => {
    const { clock, provider, instant } = setup();
    await ask(provider, callOf('simulator', '', { endpoint: instant }));
    expect(clock.monotonic()).toBe(0);
    expect(clock.waiting).toBe(0);
  });

  it('stops its timer when it is aborted', async () => {
    const { clock, provider } = setup();
    const controller = new AbortController();
    const asked = provider.call(callOf('simulator', ''), hear().observer, controller.signal);
    controller.abort('cancelled');
    await expect(asked).rejects.toBe('cancelled');
    expect(clock.waiting).toBe(0);
  });

  it('honours max_tokens and stop', async () => {
    const { provider, instant } = setup();
    const cut = await ask(
      provider,
      callOf('simulator', '', { endpoint: instant, parameters: { max_tokens: 3 } }),
    );
    expect(cut).toMatchObject({ text: '*Made up by', finish_reason: 'length', usage: { output: 3 } });
    const stopped = await ask(
      provider,
      callOf('simulator', '', { endpoint: instant, parameters: { stop: ['nowhere', '# '] } }),
    );
    expect(stopped.text).not.toContain('#');
    expect(stopped.finish_reason).toBe('stop');
  });

  it('says which parameters it ignored', async () => {
    const { provider, instant } = setup();
    const answer = await ask(
      provider,
      callOf('simulator', '', { endpoint: instant, parameters: { temperature: 1, seed: 1 } }),
    );
    expect(answer.warnings[1]).toBe('simulator (stand-in): ignored temperature.');
  });
});
