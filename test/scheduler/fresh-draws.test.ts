/** A deliberate fresh draw: the same question once more, as the next run of its name. */
import { afterEach, describe, expect, it } from 'vitest';
import { digestOf, freshRequest } from '../../src/core/identity.ts';
import { freshDrawOf } from '../../src/core/rerun.ts';
import type { RetryOptions } from '../../src/core/ports/scheduler.ts';
import type { PreparedJob } from '../../src/core/submission.ts';
import { jobOf, type JobWish } from './prepared-job.ts';
import { Stage } from './stage.ts';

let stage: Stage;
afterEach(() => stage.close());

/** A job as `--fresh` makes it. */
function fresh(name: string, word: string, wish: JobWish = {}): [string, JobWish] {
  const request = freshRequest(jobOf(name, wish).request, word);
  return [name, { ...wish, request, digest: digestOf(request), if_exists: 'new_run' }];
}

/** What `rerun` submits. */
function drawOf(name: string, word: string, options: RetryOptions = {}): PreparedJob {
  const run = stage.run(name);
  const spec = stage.reads.spec(run.id)!;
  const [spec_body, prompt_body] = [spec.spec_sha256, spec.prompt_sha256].map((sha256) =>
    stage.reads.body(sha256)!,
  );
  return freshDrawOf({ run, spec, spec_body: spec_body!, prompt_body: prompt_body! }, word, options);
}

async function answered(name: string, text: string): Promise<Awaited<ReturnType<Stage['attach']>>> {
  const peer = await stage.attach();
  await stage.submit(name);
  peer.answer(name, text);
  await stage.settle();
  return peer;
}

describe('a fresh draw', () => {
  it('R6: shares one answer inside its word, and takes none from outside it', async () => {
    stage = await Stage.open();
    const peer = await answered('yesterday', 'old');
    const text = 'yesterday';
    const asked = await stage.submit(fresh('a', 'w', { text }), fresh('b', 'w', { text }));
    expect(asked.map(({ verdict }) => verdict)).toEqual(['created', 'shared']);
    expect(await stage.submit(fresh('c', 'another', { text }))).toMatchObject([{ verdict: 'created' }]);
    peer.answer('a', 'new');
    peer.answer('c', 'newest');
    await stage.settle();
    expect(['yesterday', 'a', 'b', 'c'].map((name) => stage.text(name))).toEqual([
      'old',
      'new',
      'new',
      'newest',
    ]);
  });

  it('R9: of a name that is known is its next run, and the same word again is the same run', async () => {
    stage = await Stage.open();
    const peer = await answered('a', 'first');
    expect(await stage.submit(fresh('a', 'w'))).toMatchObject([
      { run: 2, verdict: 'created', next_run: true },
    ]);
    expect(await stage.submit(fresh('a', 'w'))).toMatchObject([
      { run: 2, verdict: 'known', next_run: false },
    ]);
    peer.answer('a', 'second');
    await stage.settle();
    expect(await stage.submit(fresh('a', 'w'))).toMatchObject([{ run: 2, verdict: 'answered_before' }]);
    expect(stage.reads.runsOf('a', 10).map(({ run, state }) => [run, state])).toEqual([
      [2, 'completed'],
      [1, 'completed'],
    ]);
  });

  it('R6: is the answer of the plain job too, which makes no further run', async () => {
    stage = await Stage.open();
    const peer = await answered('a', 'first');
    await stage.submit(fresh('a', 'w'));
    peer.answer('a', 'second');
    await stage.settle();
    for (const if_exists of ['same', 'new_run'] as const) {
      expect(await stage.submit(['a', { if_exists }])).toMatchObject([
        { run: 2, verdict: 'answered_before', next_run: false },
      ]);
    }
    expect(await stage.submit(['a', { text: 'other', if_exists: 'new_run' }])).toMatchObject([
      { run: 3, next_run: true },
    ]);
  });
});

describe('a rerun', () => {
  it('R9: asks what is stored, under the same labels, with the options that are given anew', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const wish = {
      batch: 'b',
      key: 'k',
      metadata: { gold: 1 },
      link: 'b.jsonl#k',
      source: 'batch_file',
    } as const;
    await stage.submit(['a', { ...wish, options: { priority: 3, max_attempts: 2, tags: ['t'] } }]);
    peer.answer('a', 'first');
    await stage.settle();
    const before = { run: stage.run('a'), spec: stage.reads.spec(stage.run('a').id)! };
    await stage.now(stage.service.submit([drawOf('a', 'w', { priority: 9 })], 'skip'));
    const { run, spec } = { run: stage.run('a'), spec: stage.reads.spec(stage.run('a').id)! };
    expect(run).toMatchObject({ run: 2, state: 'running', batch: 'b', key: 'k', lane: before.run.lane });
    expect(run).toMatchObject({ priority: 9, max_attempts: 2 });
    expect(spec).toEqual({
      ...before.spec,
      request: freshRequest(before.spec.request, 'w'),
      options: { ...before.spec.options, priority: 9 },
    });
  });

  it('R8: of a job that came over HTTP publishes no second job file', async () => {
    stage = await Stage.open();
    const peer = await answered('a', 'first');
    await stage.now(stage.service.submit([drawOf('a', 'w')], 'skip'));
    peer.answer('a', 'second');
    await stage.settle();
    expect(stage.reads.publications(10).filter(({ kind }) => kind === 'job')).toHaveLength(1);
    expect(stage.text('a')).toBe('second');
  });

  it('R2: of a prompt that a script makes keeps the recipe, and needs the workspace', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ needs: ['', 'workspace'] });
    await stage.submit(['a', { script: true }]);
    peer.answer('a', 'first');
    await stage.settle();
    const draw = drawOf('a', 'w');
    expect(draw).toMatchObject({ needs: 'workspace', prompt: jobOf('a', { script: true }).prompt });
    await stage.now(stage.service.submit([draw], 'skip'));
    expect(stage.run('a')).toMatchObject({ run: 2, state: 'running', lane: stage.reads.run('a', 1)!.lane });
  });
});
