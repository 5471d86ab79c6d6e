/**
 * A hundred requests at one moment, each over a connection of its own, to a live server. However they fall, what they were
 * answered and what is stored tells one story.
 */
import { describe, expect, it } from 'vitest';
import { ChangeLog } from '../model/change-log.ts';
import type { Answer } from '../model/http-caller.ts';
import { LiveServer } from '../model/live-server.ts';
import { until } from '../support/until.ts';
import { oneStory } from './story.ts';

const CROWD = 100;
const crowd = Array.from({ length: CROWD }, (_, at) => at);

/** Opened with a listener of all changes, and closed with it. */
async function live(): Promise<{ server: LiveServer; log: ChangeLog } & AsyncDisposable> {
  const server = await LiveServer.open();
  const log = await ChangeLog.open(server.http);
  return {
    server,
    log,
    async [Symbol.asyncDispose]() {
      log.end();
      await server[Symbol.asyncDispose]();
    },
  };
}

function job(name: string, prompt: string, more: object = {}): object {
  return { name, prompt, configuration: { LLM_name: 'e:m' }, ...more };
}

/** How many were answered with each status. */
function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** All at one moment. */
function together(asks: readonly (() => Promise<Answer>)[]): Promise<Answer[]> {
  return Promise.all(asks.map((ask) => ask()));
}

describe(`${CROWD} submissions at one moment`, { timeout: 60_000 }, () => {
  it('G2: of the same name and content are one run, created for one of them and known to the others', async () => {
    await using race = await live();
    const { server, log } = race;
    const answers = await together(crowd.map(() => () => server.http.post('/jobs', job('faq', 'the same'))));
    expect(tally(answers)).toEqual({ 201: 1, 200: CROWD - 1 });
    const meant = answers.map(({ json }) => JSON.stringify([json['name'], json['run'], json['digest']]));
    expect(new Set(meant).size).toBe(1);
    expect(answers.filter(({ json }) => json['created'] === true)).toHaveLength(1);
    await until('it to be asked', () => server.models.waiting.length > 0);
    server.models.end('faq@1#1', 'answer');
    expect(await oneStory(server, log)).toHaveLength(1);
    expect(server.models.calls).toHaveLength(1);
  });

  it('G2: of the same name and different contents are one run, and 409 with what differs for the others', async () => {
    await using race = await live();
    const { server, log } = race;
    server.models.by_itself = () => 'answer';
    const answers = await together(
      crowd.map((at) => () => server.http.post('/jobs', job('faq', `question ${at}`))),
    );
    expect(tally(answers)).toEqual({ 201: 1, 409: CROWD - 1 });
    for (const { status, json } of answers) {
      if (status !== 409) continue;
      expect(json).toMatchObject({ code: 'NameTaken', errors: [{ path: 'name' }] });
      expect(json['detail']).toContain('differs: prompt');
    }
    expect(await oneStory(server, log)).toHaveLength(1);
    const [call] = server.models.calls;
    expect(call?.question).toBe(`question ${answers.findIndex(({ status }) => status === 201)}`);
  });

  it('G2: of different names and the same content ask once, and all have the same answer', async () => {
    await using race = await live();
    const { server, log } = race;
    const answers = await together(
      crowd.map((at) => () => server.http.post('/jobs', job(`faq-${at}`, 'the same'))),
    );
    expect(tally(answers)).toEqual({ 201: CROWD });
    await until('it to be asked', () => server.models.waiting.length > 0);
    server.models.end(server.models.waiting[0] ?? '', 'answer');
    const runs = await oneStory(server, log);
    expect(runs).toHaveLength(CROWD);
    expect(server.models.calls).toHaveLength(1);
    const results = await together(crowd.map((at) => () => server.http.ask(`/jobs/faq-${at}/result`)));
    expect(new Set(results.map(({ json }) => json['sha256'])).size).toBe(1);
  });

  it('G2: in overlapping lots are accepted whole or not at all', async () => {
    await using race = await live();
    const { server, log } = race;
    server.models.by_itself = () => 'answer';
    // Each lot has a job of its own, and one whose content all the even ones share and all the odd ones share.
    const lot = (at: number): object[] => [job(`own-${at}`, `own ${at}`), job('shared', `side ${at % 2}`)];
    const answers = await together(crowd.map((at) => () => server.http.post('/jobs', lot(at))));
    expect(tally(answers)).toEqual({ 201: CROWD / 2, 409: CROWD / 2 });
    const runs = await oneStory(server, log);
    const accepted = crowd.filter((at) => answers[at]?.status === 201).map((at) => `own-${at}`);
    expect(runs.map(({ name }) => name).toSorted()).toEqual([...accepted, 'shared'].toSorted());
  });
});

describe(`${CROWD} reruns of one name at one moment`, { timeout: 60_000 }, () => {
  it('G2: with different contents are as many runs, numbered without gaps, each with its own answer', async () => {
    await using race = await live();
    const { server, log } = race;
    server.models.by_itself = () => 'answer';
    const answers = await together(
      crowd.map((at) => () => server.http.post('/jobs', job('faq', `draw ${at}`, { if_exists: 'new_run' }))),
    );
    expect(tally(answers)).toEqual({ 201: CROWD });
    const numbers = answers.map(({ json }) => json['run'] as number).toSorted((a, b) => a - b);
    expect(numbers).toEqual(crowd.map((at) => at + 1));
    const runs = await oneStory(server, log);
    expect(server.models.calls).toHaveLength(CROWD);
    for (const [at, { json }] of answers.entries()) {
      const result = await server.http.ask(`/jobs/faq@${json['run'] as number}/result`);
      expect(result.json['result']).toContain(`draw ${at}`);
    }
    expect(runs).toHaveLength(CROWD);
  });

  it('G2: with one content are one more run, and the first answer stays', async () => {
    await using race = await live();
    const { server, log } = race;
    server.models.by_itself = () => 'answer';
    await server.http.post('/jobs', job('faq', 'first'));
    await server.http.ask('/jobs/faq?wait=20');
    const first = await server.http.ask('/jobs/faq@1/result');
    const answers = await together(
      crowd.map(() => () => server.http.post('/jobs', job('faq', 'second', { if_exists: 'new_run' }))),
    );
    expect(tally(answers)).toEqual({ 201: 1, 200: CROWD - 1 });
    expect(new Set(answers.map(({ json }) => json['run']))).toEqual(new Set([2]));
    expect(await oneStory(server, log)).toHaveLength(2);
    expect((await server.http.ask('/jobs/faq@1/result')).text).toBe(first.text);
  });
});

describe('cancels at one moment', { timeout: 60_000 }, () => {
  it(`G12: ${CROWD} of one running job abort it once, and it ends once`, async () => {
    await using race = await live();
    const { server, log } = race;
    await server.http.post('/jobs', job('faq', 'long'));
    await until('it to run', () => server.models.waiting.length === 1);
    const answers = await together(crowd.map(() => () => server.http.delete('/jobs/faq')));
    const { 202: accepted = 0, 409: late = 0 } = tally(answers);
    expect([accepted + late, accepted > 0]).toEqual([CROWD, true]);
    const [run] = await oneStory(server, log);
    expect(run).toMatchObject({ state: 'cancelled', attempt: 1, errors: 0, lost: 0 });
    expect(log.of('faq@1')).toEqual(['queued', 'running', 'cancelled']);
  });

  it('G12: of one selection by ten clients cancel every job once', async () => {
    await using race = await live();
    const { server, log } = race;
    const later = { batch: 'night', options: { run_at: '2100-01-01T00:00:00Z' } };
    await server.http.post(
      '/jobs',
      crowd.map((at) => job(`faq-${at}`, `later ${at}`, later)),
    );
    const answers = await together(
      crowd.slice(0, 10).map(() => () => server.http.post('/jobs/cancel', { batch: 'night' })),
    );
    const cancelled = answers.map(({ json }) => (json['counts'] as Record<string, number>)['cancelled'] ?? 0);
    expect(cancelled.reduce((sum, count) => sum + count, 0)).toBe(CROWD);
    const runs = await oneStory(server, log);
    expect(new Set(runs.map(({ state }) => state))).toEqual(new Set(['cancelled']));
    expect(server.models.calls).toEqual([]);
  });

  it('G6, G12: against completions end each job one way, and what was answered too late is not paid for again', async () => {
    await using race = await live();
    const { server, log } = race;
    const names = crowd.map((at) => `faq-${at}`);
    await server.http.post(
      '/jobs',
      names.map((name) => job(name, `about ${name}`)),
    );
    await until('all to run', () => server.models.waiting.length === CROWD);
    const answers = await together(
      names.map((name, at) => () => {
        // Some are answered before the cancel is sent, some after it, some while it is under way.
        if (at % 3 === 0) server.models.end(`${name}@1#1`, 'answer');
        const asked = server.http.delete(`/jobs/${name}`);
        if (at % 3 === 1) setImmediate(() => endIfWaiting(server, `${name}@1#1`));
        return asked;
      }),
    );
    const runs = await oneStory(server, log);
    for (const [at, name] of names.entries()) {
      const state = runs.find((run) => run.name === name)?.state;
      expect(['completed', 'cancelled']).toContain(state);
      if (answers[at]?.status === 409) expect(state, name).toBe('completed');
    }
    const cancelled = runs.filter(({ state }) => state === 'cancelled').map(({ name }) => name);
    expect(cancelled.length).toBeGreaterThan(0);
    const paid = server.models.calls.filter(({ ended }) => ended === 'answer').length;
    server.models.by_itself = () => 'answer';
    const retried = await together(
      cancelled.map((name) => () => server.http.post(`/jobs/${name}/retry`, {})),
    );
    expect(tally(retried)).toEqual({ 200: cancelled.length });
    const now = await oneStory(server, log);
    expect(now.every(({ state }) => state === 'completed')).toBe(true);
    expect(server.models.calls.filter(({ ended }) => ended === 'answer').length).toBe(
      paid + now.filter(({ attempt }) => attempt === 2).length,
    );
  });
});

describe('retries at one moment', { timeout: 60_000 }, () => {
  it(`G10: ${CROWD} of one failed job are one more attempt`, async () => {
    await using race = await live();
    const { server, log } = race;
    server.models.by_itself = ({ key }) => (key.endsWith('#1') ? 'refuse' : null);
    await server.http.post('/jobs', job('faq', 'impossible'));
    await server.http.ask('/jobs/faq?wait=20');
    const answers = await together(crowd.map(() => () => server.http.post('/jobs/faq/retry', {})));
    expect(tally(answers)).toEqual({ 200: 1, 409: CROWD - 1 });
    for (const { status, json } of answers) if (status === 409) expect(json['code']).toBe('WrongState');
    await until('it to run', () => server.models.waiting.length === 1);
    server.models.end('faq@1#2', 'answer');
    const [run] = await oneStory(server, log);
    expect(run).toMatchObject({ state: 'completed', attempt: 2 });
    expect(log.of('faq@1')).toEqual(['queued', 'running', 'failed', 'queued', 'running', 'completed']);
  });

  it('G10: of failed jobs that are the same work are asked once more', async () => {
    await using race = await live();
    const { server, log } = race;
    server.models.by_itself = () => 'refuse';
    const names = crowd.map((at) => `faq-${at}`);
    await together(names.map((name) => () => server.http.post('/jobs', job(name, 'the same'))));
    await oneStory(server, log);
    const refused = server.models.calls.length;
    server.models.by_itself = null;
    const answers = await together(names.map((name) => () => server.http.post(`/jobs/${name}/retry`, {})));
    expect(tally(answers)).toEqual({ 200: CROWD });
    await until('one to run', () => server.models.waiting.length === 1);
    server.models.end(server.models.waiting[0] ?? '', 'answer');
    const runs = await oneStory(server, log);
    expect(runs.every(({ state }) => state === 'completed')).toBe(true);
    expect(server.models.calls).toHaveLength(refused + 1);
  });

  it('G10: against cancels and submissions of the same jobs end in one state that all accounts agree on', async () => {
    await using race = await live();
    const { server, log } = race;
    server.models.by_itself = ({ key }) => (key.endsWith('#1') ? 'refuse' : 'answer');
    const names = crowd.slice(0, 10).map((at) => `faq-${at}`);
    await together(names.map((name) => () => server.http.post('/jobs', job(name, `about ${name}`))));
    await oneStory(server, log);
    const rivals = names.flatMap((name) => [
      () => server.http.post(`/jobs/${name}/retry`, {}),
      () => server.http.delete(`/jobs/${name}`),
      () => server.http.post('/jobs', job(name, `about ${name}`)),
      () => server.http.post('/jobs/retry', { names: [name] }),
      () => server.http.post('/jobs', job(name, `another about ${name}`)),
      () => server.http.post('/jobs/cancel', { prefix: name }),
    ]);
    const answers = await together([...rivals, ...rivals.toReversed()]);
    for (const { status } of answers) expect([200, 202, 409]).toContain(status);
    const runs = await oneStory(server, log);
    expect(runs.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    for (const { state } of runs) expect(['completed', 'cancelled', 'failed']).toContain(state);
  });
});

it('G2: reruns, cancels and retries of the same names, with a restart of the server among them, tell one story', async () => {
  await using race = await live();
  const { server, log } = race;
  log.end();
  server.models.by_itself = () => 'answer';
  const round = async (offset: number): Promise<Answer[]> =>
    together(
      crowd.map((at) => () => {
        const name = `faq-${at % 7}`;
        const kind = (at + offset) % 5;
        if (kind === 0) return server.http.delete(`/jobs/${name}`);
        if (kind === 1) return server.http.post(`/jobs/${name}/retry`, {});
        return server.http.post(
          '/jobs',
          job(name, `draw ${(at * 3 + offset) % 11}`, { if_exists: 'new_run' }),
        );
      }),
    );
  for (const { status } of await round(0)) expect([200, 201, 202, 404, 409]).toContain(status);
  await server.restart();
  for (const { status } of await round(1)) expect([200, 201, 202, 409]).toContain(status);
  const runs = await oneStory(server, null);
  expect(new Set(runs.map(({ name }) => name)).size).toBe(7);
}, 60_000);

function endIfWaiting(server: LiveServer, key: string): void {
  if (server.models.waiting.includes(key)) server.models.end(key, 'answer');
}
