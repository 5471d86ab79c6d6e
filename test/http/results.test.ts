import { describe, expect, it } from 'vitest';
import { sha256Bytes } from '../../src/core/identity.ts';
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

describe('files of a result', () => {
  const bytes = Buffer.from([0, 255, 1, 254]);

  async function withFile(name: string, media_type = 'image/png') {
    const server = await setup();
    await server.submit('a');
    server.scheduler.start('a');
    server.scheduler.finish('a', 'see there');
    const { id } = server.scheduler.latest('a');
    const result = server.reads.results.get(id)!;
    const data = bytes.toString('base64');
    server.reads.bodies.set(sha256(data), data);
    const hashes = { sha256: sha256Bytes(bytes), body_sha256: sha256(data) };
    const files = [{ name, media_type, bytes: bytes.length, ...hashes }];
    server.reads.results.set(id, { ...result, meta: { ...result.meta, files } });
    return { server, data, id };
  }

  it('R31: are listed with the result, each with its path beside the result file', async () => {
    const { server } = await withFile('chart.png');
    await using _ = server;
    const { json } = await server.ask('/jobs/a/result');
    const where = { path: `${NOW + 1}_a.files/chart.png` };
    expect(json['file']).toBe(`${NOW + 1}_a.json`);
    expect(json['files']).toEqual([
      { name: 'chart.png', media_type: 'image/png', bytes: 4, sha256: sha256Bytes(bytes), ...where },
    ]);
  });

  it('R31: are named by the epoch under which the result was published, where its own was taken', async () => {
    const { server, id } = await withFile('chart.png');
    await using _ = server;
    server.reads.rows.set(id, { ...server.reads.rows.get(id)!, epoch: NOW + 5 });
    expect((await server.ask('/jobs/a/result')).json).toMatchObject({
      file: `${NOW + 5}_a.json`,
      files: [{ path: `${NOW + 5}_a.files/chart.png` }],
    });
  });

  it.each([
    ['chart.png', `attachment; filename*=UTF-8''chart.png`],
    ["it's ü (1).png", `attachment; filename*=UTF-8''it%27s%20%C3%BC%20%281%29.png`],
    ['é'.repeat(98), `attachment; filename*=UTF-8''${'%C3%A9'.repeat(98)}`],
  ])('R31: are given out under their own type, to be saved: %s', async (name, disposition) => {
    const { server } = await withFile(name);
    await using _ = server;
    const answer = await server.ask(`/jobs/a@1/result/files/${encodeURIComponent(name)}`);
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'image/png',
        'content-length': '4',
        'content-disposition': disposition,
        'x-content-type-options': 'nosniff',
        'promptd-result-sha256': sha256Bytes(bytes),
      },
    });
  });

  it('R31: are 404 by any other name, with those that there are', async () => {
    const { server } = await withFile('chart.png');
    await using _ = server;
    expect(await server.ask('/jobs/a/result/files/other.png')).toMatchObject({
      status: 404,
      json: { detail: 'The result of a@1 has no file "other.png": it has chart.png' },
    });
    for (const name of ['..%2Fa.json', '..%2F..%2Fpromptd.config.json', '%00'])
      expect((await server.ask(`/jobs/a/result/files/${name}`)).status).toBe(404);
    await server.submit('b');
    expect(await server.ask('/jobs/b/result/files/chart.png')).toMatchObject({
      status: 404,
      json: { detail: 'The result of b@1 has no file "chart.png": it has none' },
    });
  });

  it('R8: are 500 Corrupt where they are not those that were accepted', async () => {
    const { server, data } = await withFile('chart.png');
    await using _ = server;
    server.reads.bodies.set(sha256(data), 'AAAA');
    expect(await server.ask('/jobs/a/result/files/chart.png')).toMatchObject({
      status: 500,
      json: { code: 'Corrupt', detail: expect.stringContaining('The file "chart.png" of a@1: expected') },
    });
  });

  it('need a key that may read', async () => {
    const { server } = await withFile('chart.png');
    await using _ = server;
    const { port } = await server.server.listenTcp({ host: '127.0.0.1', port: 0 });
    expect((await server.ask('/jobs/a/result/files/chart.png', { port })).status).toBe(401);
    const key = server.key('read');
    expect((await server.ask('/jobs/a/result/files/chart.png', { port, key })).status).toBe(200);
  });
});
