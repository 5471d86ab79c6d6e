/**
 * The HTTP API of a live server against a small model of it: fast-check draws what clients do, and after every step all that can
 * be seen is compared. The same on every run of the suite; `PROMPTD_TEST_RUNS` and `PROMPTD_TEST_SEED` draw more and others, and
 * the seed and path that a failure prints play it again (test/core/drawing.ts).
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { drawing, PATIENCE_MS } from '../core/drawing.ts';
import { ChangeLog } from './change-log.ts';
import { COMMANDS, type Real } from './commands.ts';
import { LiveServer } from './live-server.ts';
import { until } from '../support/until.ts';
import { QueueModel } from './queue-model.ts';

const did = new Set<string>();

it(
  'G2, G4, G6, G8, G10: whatever clients do, a live server does what the model does',
  { timeout: PATIENCE_MS },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: 40, size: 'max' }), async (commands) => {
        await using live = await LiveServer.open();
        const log = await ChangeLog.open(live.http);
        const real: Real = { live, results: new Map() };
        const model = new QueueModel();
        await fc.asyncModelRun(() => ({ model, real }), commands);
        for (const event of live.events)
          if (event.type === 'run_changed') did.add(`${event.from ?? 'new'} ${event.by} ${event.to}`);
        // A restart cuts the stream; otherwise it told every step.
        if (!log.closed) await told(live, model, log);
        log.end();
      }),
      drawing(20),
    );
  },
);

it(
  'G2: knows every run of a name again by its content, also where other names ask or answered the same',
  { timeout: PATIENCE_MS },
  async () => {
    await using live = await LiveServer.open();
    const job = (name: string, prompt: string, more: object = {}): object => ({
      ...{ name, prompt, configuration: { LLM_name: 'e:m' }, ...more },
    });
    const next = { if_exists: 'new_run' };
    await live.http.post('/jobs', job('leader', 'shared'));
    await live.http.post('/jobs', job('faq', 'shared'));
    await live.http.post(
      '/jobs',
      job('faq', 'later', { ...next, options: { run_at: '2100-01-01T00:00:00Z' } }),
    );
    await live.http.post('/jobs', job('faq', 'third', next));
    const known = async (prompt: string) => (await live.http.post('/jobs', job('faq', prompt))).json;
    expect(await known('shared')).toMatchObject({ name: 'faq', run: 1, state: 'blocked', created: false });
    expect(await known('later')).toMatchObject({ name: 'faq', run: 2, state: 'scheduled', created: false });
    await until('the leader to be asked', () => live.models.waiting.includes('leader@1#1'));
    live.models.end('leader@1#1', 'answer');
    await live.http.ask('/jobs/faq@1?wait=20');
    expect(await known('shared')).toMatchObject({ run: 1, state: 'completed', answered_before: true });
    const lot = await live.http.post('/jobs', [
      job('faq', 'fourth', next),
      job('faq', 'shared'),
      job('faq', 'fourth'),
    ]);
    expect(lot).toMatchObject({ status: 201, json: { created: 1, answered_before: 1, known: 1 } });
  },
);

it('the drawn stories went where the API leads', () => {
  expect([...did]).toEqual(
    expect.arrayContaining([
      'queued claim running',
      'running answer completed',
      'running fail failed',
      'running back_off retrying',
      'running cancel cancelled',
      'blocked answer completed',
      'blocked fail failed',
      'blocked cancel cancelled',
      'blocked lead queued',
      'scheduled cancel cancelled',
      'failed retry queued',
      'cancelled retry queued',
      'cancelled retry_share blocked',
      'cancelled answer completed',
      'new accept completed',
    ]),
  );
});

async function told(live: LiveServer, model: QueueModel, log: ChangeLog): Promise<void> {
  const last = model.runs.map(({ name, run, state }) => [`${name}@${run}`, state] as const);
  await until('every change to be told', () =>
    last.every(([ref, state]) => state === 'running' || log.of(ref).at(-1) === state),
  );
  log.check(
    (ref) =>
      live.events.filter(
        (event) =>
          event.type === 'run_changed' &&
          (event.from === 'failed' || event.from === 'cancelled') &&
          `${event.name}@${event.run}` === ref,
      ).length,
  );
}
