import { describe, expect, it } from 'vitest';
import { NOW, sha256 } from './fake-reads.ts';
import { setup } from './setup.ts';

describe('results', () => {
  it('R19: is the text with everything about it, and its hash to check it by', async () => {
    await using server = await setup();
    await server.submit('a', { key: 'k', metadata: { gold: 'B' } });
    server.scheduler.start('a');
    server.scheduler.finish('a', '# Ärger\n');
    const answer = await server.ask('/jobs/a/result');
    expect(answer.json).toEqual({
      job: 'a.json',
      result: '# Ärger\n',
      name: 'a',
      run: 1,
      file: `${NOW + 1}_a.json`,
      key: 'k',
      metadata: { gold: 'B' },
      digest: server.scheduler.latest('a').digest,
      attempt: 1,
      endpoint: 'simulator',
      model: 'parrot',
      model_answered: 'parrot',
      parameters_sent: {},
      finish_reason: 'stop',
      warnings: [],
      usage: null,
      cost: null,
      sha256: sha256('# Ärger\n'),
      accepted_at: new Date(NOW).toISOString(),
    });
    expect(answer.headers['promptd-result-sha256']).toBe(sha256('# Ärger\n'));
    expect(answer.headers['content-type']).toContain('application/json');
  });

  it('R13: comes with its analysis where that is asked for', async () => {
    await using server = await setup();
    await server.submit('a');
    expect((await server.ask('/jobs/a/result?analyse=1')).json).not.toHaveProperty('analysis');
    server.scheduler.start('a');
    server.scheduler.finish('a', '# Yes\n\n- because\n');
    expect((await server.ask('/jobs/a/result?analyse=1')).json).toMatchObject({
      result: '# Yes\n\n- because\n',
      analysis: {
        headings: [{ level: 1, text: 'Yes', children: [] }],
        lists: [{ ordered: false, start: null, items: [{ text: 'because', checked: null, lists: [] }] }],
      },
    });
    expect((await server.ask('/jobs/a/result?analyse=0')).json).not.toHaveProperty('analysis');
    expect((await server.ask('/jobs/a/result?analyse=perhaps')).status).toBe(400);
  });

  it('R12: is the null result where there is none, and 404 only where there is no job', async () => {
    await using server = await setup();
    await server.submit('a');
    expect(await server.ask('/jobs/a/result')).toMatchObject({
      status: 200,
      json: { job: 'a.json', result: null, name: 'a', run: 1 },
    });
    expect((await server.ask('/jobs/b/result')).status).toBe(404);
  });

  it('R8: answers 500 Corrupt rather than a text that is not the one that was accepted', async () => {
    await using server = await setup();
    await server.submit('a');
    server.scheduler.start('a');
    server.scheduler.finish('a', 'the answer');
    server.reads.bodies.set(sha256('the answer'), 'another answer');
    const changed = await server.ask('/jobs/a/result');
    expect(changed).toMatchObject({ status: 500, json: { code: 'Corrupt' } });
    expect(changed.text).not.toContain('another answer');
    server.reads.bodies.delete(sha256('the answer'));
    expect(await server.ask('/jobs/a/result')).toMatchObject({ status: 500, json: { code: 'Corrupt' } });
  });
});
