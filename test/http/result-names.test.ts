import { describe, expect, it } from 'vitest';
import { NOW } from './fake-reads.ts';
import { setup, type Setup } from './setup.ts';

/** A job of two runs, both answered. */
async function askedTwice(server: Setup, name: string): Promise<readonly string[]> {
  await server.submit(name);
  server.scheduler.start(name);
  server.scheduler.finish(name, 'one');
  await server.submit(name, { prompt: 'otherwise', if_exists: 'new_run' });
  server.scheduler.start(name);
  server.scheduler.finish(name, 'two');
  return [`${NOW + 1}_${name}.json`, `${NOW + 2}_${name}.json`];
}

describe('looking up by file names', () => {
  it('R10: names every result of a job, the oldest first, each with its run, or that of one run', async () => {
    await using server = await setup();
    const [first, second] = await askedTwice(server, '5_a.b_1');
    const one = { file: first, epoch: NOW + 1, name: '5_a.b_1', run: 1 };
    const two = { file: second, epoch: NOW + 2, name: '5_a.b_1', run: 2 };
    expect((await server.ask('/jobs/5_a.b_1/results')).json).toEqual({
      job: '5_a.b_1.json',
      results: [one, two],
    });
    expect((await server.ask('/jobs/5_a.b_1@1/results')).json).toMatchObject({ results: [one] });
  });

  it('R10: names the file under which a result was published, where its own name was taken', async () => {
    await using server = await setup();
    await askedTwice(server, 'a');
    const { id } = server.scheduler.latest('a');
    server.reads.rows.set(id, { ...server.reads.rows.get(id)!, epoch: NOW + 9 });
    const { json } = await server.ask('/jobs/a@2/results');
    expect(json['results']).toEqual([{ file: `${NOW + 9}_a.json`, epoch: NOW + 9, name: 'a', run: 2 }]);
    expect((await server.ask(`/results/${NOW + 9}_a.json/job`)).json).toMatchObject({ run: 2 });
    expect((await server.ask(`/results/${NOW + 2}_a.json/job`)).json).toMatchObject({ run: null });
  });

  it('R10: reads no text of an answer', async () => {
    await using server = await setup();
    await askedTwice(server, 'a');
    server.reads.bodies.clear();
    expect((await server.ask('/jobs/a/results')).status).toBe(200);
    expect((await server.ask('/jobs/a/result')).status).toBe(500);
  });

  it('R10: says where it leaves out the oldest of very many', async () => {
    await using server = await setup();
    await askedTwice(server, 'a');
    const row = server.scheduler.latest('a');
    for (let run = 3; run <= 1_001; run += 1)
      server.reads.rows.set(10_000 + run, { ...row, id: 10_000 + run, run });
    expect((await server.ask('/jobs/a/results')).json).toMatchObject({
      results: [{ run: 2 }],
      has_more: true,
    });
  });

  it('R12: is the null result where there is none, and 404 only where there is no job', async () => {
    await using server = await setup();
    await server.submit('a');
    expect((await server.ask('/jobs/a/results')).json).toEqual({ job: 'a.json', results: [], result: null });
    expect(await server.ask('/jobs/b/results')).toMatchObject({ status: 404, json: { code: 'NotFound' } });
  });

  it('R11: names the job of a result by the name of its file, also where nobody knows that', async () => {
    await using server = await setup();
    const [first] = await askedTwice(server, 'x_1_2');
    expect((await server.ask(`/results/${first}/job`)).json).toEqual({
      job: 'x_1_2.json',
      file: first,
      epoch: NOW + 1,
      name: 'x_1_2',
      run: 1,
    });
    expect((await server.ask('/results/7_5_job.json/job')).json).toEqual({
      job: '5_job.json',
      file: '7_5_job.json',
      epoch: 7,
      name: '5_job',
      run: null,
    });
    expect((await server.ask('/results/my_job.json/job')).status).toBe(400);
  });
});
