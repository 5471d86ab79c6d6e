/** Runs that files of results/ and ended/ tell of, and the queue did not know. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Adoption, AdoptionVerdict } from '../../src/core/adoption.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { StoreFullError } from '../../src/core/ports/store.ts';
import type { PreparedJob } from '../../src/core/submission.ts';
import { adoptionOf, readRestored } from '../../src/workspace/restored-run.ts';
import { jobOf } from './prepared-job.ts';
import { Stage } from './stage.ts';

let stage: Stage;
afterEach(() => stage.close());

interface Told {
  readonly epoch?: number;
  /** What its file says beside the pair; without it, it is the bare pair. */
  readonly file?: JsonObject;
  /** What its job file says; null: it is gone. */
  readonly job?: PreparedJob | null;
  readonly answer?: string;
}

function adoption(kind: 'result' | 'ended', name: string, content: object, told: Told): Adoption {
  const file = readRestored(kind, JSON.stringify({ job: `${name}.json`, ...content, ...told.file }));
  if (file === null) throw new Error('the null result is of no run');
  const job = told.job === undefined ? jobOf(name) : told.job;
  const run = typeof file.record.run === 'number' ? file.record.run : 1;
  const digest = file.record.digest ?? job?.digest ?? `1:${'0'.repeat(64)}`;
  const epoch = told.epoch ?? 1_700_000_000_000;
  return adoptionOf(file, { name, epoch, run, digest, job, attachments: [], submitted_at: 5 });
}

function pair(name: string, told: Told = {}): Adoption {
  return adoption('result', name, { result: told.answer ?? 'by hand' }, told);
}

/** As promptd itself writes it. */
function result(name: string, told: Told & { readonly run?: number } = {}): Adoption {
  const { run = 1, job = jobOf(name) } = told;
  const content = { result: told.answer ?? 'from elsewhere', name, run, digest: job?.digest, attempt: 2 };
  return adoption('result', name, content, told);
}

function end(name: string, told: Told & { readonly run?: number } = {}): Adoption {
  const { run = 1, job = jobOf(name) } = told;
  const about = { name, run, digest: job?.digest, endpoint: 'e', model: 'm', attempts: [{ attempt: 3 }] };
  const reason = { code: 'BadRequest', message: 'no such parameter' };
  return adoption('ended', name, { ...about, result: null, state: 'failed', reason }, told);
}

async function adopt(...adoptions: readonly Adoption[]): Promise<readonly AdoptionVerdict[]> {
  return stage.now(stage.service.adopt(adoptions));
}

/** Ids of runs whose result files are still to be written. */
function resultsToPublish(): number[] {
  return stage.reads.publications(100).flatMap(({ kind, job }) => (kind === 'result' ? [job] : []));
}

describe('a file of a name that nobody knows', () => {
  it('R8: becomes a run with its answer, its run, its digest and its epoch, and nothing is published', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const { published } = stage;
    expect(await adopt(result('a', { run: 3, epoch: 1_700_000_000_007 }))).toEqual(['adopted']);
    expect(stage.run('a')).toMatchObject({
      run: 3,
      state: 'completed',
      digest: jobOf('a').digest,
      epoch: 1_700_000_000_007,
      attempt: 2,
    });
    expect(stage.reads.body(stage.reads.result(stage.run('a').id)?.text_sha256 ?? '')).toBe('from elsewhere');
    expect([stage.published, stage.reads.unpublished(), peer.dispatched]).toEqual([published, 0, []]);
  });

  it('R6 R8: is the answer of its job, and of the same work under another name', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await adopt(result('a'));
    expect(await stage.submit('a', ['b', { text: 'a' }])).toMatchObject([
      { name: 'a', verdict: 'answered_before', state: 'completed' },
      { name: 'b', verdict: 'answered_before', state: 'completed' },
    ]);
    expect(peer.dispatched).toEqual([]);
    expect(resultsToPublish()).toEqual([stage.run('b').id]);
  });

  it('R6 R8: is its own answer where the run that it says it has it from is of other work here', async () => {
    stage = await Stage.open();
    const job = jobOf('b', { text: 'asked elsewhere' });
    await adopt(result('a'), result('b', { job, file: { answered_by: 'a@1' } }));
    expect(stage.run('b')).toMatchObject({ state: 'completed', answered_by: null });
    expect(await stage.submit(['c', { text: 'asked elsewhere' }])).toMatchObject([
      { verdict: 'answered_before' },
    ]);
  });

  it('R8: of an end becomes a run that failed, for the same reason, and may be retried', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    expect(await adopt(end('a'))).toEqual(['adopted']);
    expect(stage.run('a')).toMatchObject({ state: 'failed', reason_code: 'BadRequest', attempt: 3 });
    expect(stage.reads.unpublished()).toBe(0);
    expect(await stage.retry('a')).toBe('queued');
    await stage.settle();
    expect(peer.dispatched).toEqual(['a#4']);
  });

  it('R9: comes beside other runs of its name in their order, one after the other', async () => {
    stage = await Stage.open();
    const runs = [1, 2, 3].map((run) => result('a', { run, epoch: 1_700_000_000_000 + run }));
    expect(await adopt(...runs)).toEqual(['adopted', 'adopted', 'adopted']);
    expect(stage.reads.runsOf('a', 10).map(({ run }) => run)).toEqual([3, 2, 1]);
  });

  it('R8: of a run before one that is known already is left', async () => {
    stage = await Stage.open();
    expect(await adopt(result('a', { run: 2 }))).toEqual(['adopted']);
    expect(await adopt(result('a', { run: 1, epoch: 1 }))).toEqual(['of_no_run']);
  });

  it('R8: that is adopted twice, also in one lot, is one run', async () => {
    stage = await Stage.open();
    expect(await adopt(result('a'), result('a'))).toEqual(['adopted', 'known']);
    expect(await adopt(result('a'))).toEqual(['known']);
    expect(stage.reads.runsOf('a', 10)).toHaveLength(1);
    await stage.restart();
    expect(await adopt(result('a'))).toEqual(['known']);
  });
});

describe('a file of a run that has no answer', () => {
  it('R8: is the answer of one that is queued: it is asked no more, and nothing is published', async () => {
    stage = await Stage.open();
    await stage.submit('a');
    expect(await adopt(pair('a', { epoch: 1_700_000_000_001 }))).toEqual(['completed']);
    expect(stage.run('a')).toMatchObject({ state: 'completed', epoch: 1_700_000_000_001 });
    expect(resultsToPublish()).toEqual([]);
    expect((await stage.attach()).dispatched).toEqual([]);
  });

  it('R8 R23: is the answer of one that runs: the call is broken off, and what it brings later changes nothing', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    expect(peer.dispatched).toEqual(['a#1']);
    expect(await adopt(result('a'))).toEqual(['completed']);
    expect(stage.run('a').state).toBe('completed');
    expect(peer.aborted).toEqual([expect.stringMatching(/^a#1 /)]);
    peer.answer('a', 'too late');
    await stage.settle();
    expect(peer.acknowledged).toEqual(['a#1']);
    expect(stage.reads.body(stage.reads.result(stage.run('a').id)?.text_sha256 ?? '')).toBe('from elsewhere');
  });

  it('R6: answers those who wait for the same work', async () => {
    stage = await Stage.open();
    await stage.submit('a', ['b', { text: 'a' }]);
    expect(stage.states('a', 'b')).toEqual(['queued', 'blocked']);
    expect(await adopt(result('a'))).toEqual(['completed']);
    await stage.settle();
    expect(stage.states('a', 'b')).toEqual(['completed', 'completed']);
    expect((await stage.attach()).dispatched).toEqual([]);
  });

  it('R6: under another name answers a leader that is not asked at the moment', async () => {
    stage = await Stage.open();
    await stage.submit('a');
    expect(await adopt(result('z', { job: jobOf('z', { text: 'a' }) }))).toEqual(['adopted']);
    await stage.settle();
    expect(stage.states('a', 'z')).toEqual(['completed', 'completed']);
    expect((await stage.attach()).dispatched).toEqual([]);
  });

  it('R8: is left where it answers other work, or is an end', async () => {
    stage = await Stage.open();
    await stage.submit('a');
    expect(await adopt(result('a', { job: jobOf('a', { text: 'other work' }) }), end('a'))).toEqual([
      'of_no_run',
      'of_no_run',
    ]);
    expect(stage.run('a').state).toBe('queued');
  });
});

describe('a file of a run that has ended', () => {
  it('R8: is known where it is its own, and left where it is another: the answer never changes', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    peer.answer('a');
    await stage.settle();
    const { epoch, id } = stage.run('a');
    const before = stage.reads.result(id);
    expect(await adopt(result('a', { epoch: epoch ?? 0 }))).toEqual(['known']);
    expect(await adopt(result('a', { epoch: 1 }), pair('a', { epoch: 2 }))).toEqual([
      'of_no_run',
      'of_no_run',
    ]);
    expect(stage.reads.result(id)).toEqual(before);
  });

  it('R8 R9: is the answer of one that ended badly, where it went on elsewhere; the bare pair is not', async () => {
    stage = await Stage.open();
    await adopt(end('a', { epoch: 1_700_000_000_001 }));
    expect(await adopt(pair('a', { epoch: 1_700_000_000_002 }))).toEqual(['of_no_run']);
    expect(await adopt(result('a', { epoch: 1_700_000_000_003, job: jobOf('b') }))).toEqual(['of_no_run']);
    expect(await adopt(result('a', { epoch: 1_700_000_000_004 }))).toEqual(['completed']);
    expect(stage.run('a')).toMatchObject({
      run: 1,
      state: 'completed',
      epoch: 1_700_000_000_004,
      reason_code: null,
    });
    expect(resultsToPublish()).toEqual([]);
    expect(await adopt(result('a', { epoch: 1_700_000_000_005, answer: 'another' }))).toEqual(['of_no_run']);
  });

  it('R9: is the next run where it says so', async () => {
    stage = await Stage.open();
    expect(await adopt(end('a'), result('a', { run: 2, epoch: 1_700_000_000_009 }))).toEqual([
      'adopted',
      'adopted',
    ]);
    expect(stage.run('a')).toMatchObject({ run: 2, state: 'completed' });
  });

  it('R9: lets the next result have an epoch of its own, however late that of the file is', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const later = stage.clock.now() + 86_400_000;
    await adopt(result('a', { epoch: later }));
    await stage.submit(['a', { text: 'again', if_exists: 'new_run' }]);
    peer.answer('a');
    await stage.settle();
    expect(stage.run('a')).toMatchObject({ run: 2, state: 'completed' });
    expect(stage.run('a').epoch).toBeGreaterThan(later);
  });
});

describe('what cannot be written', () => {
  it('R26: changes nothing, and is adopted when there is room', async () => {
    stage = await Stage.open();
    stage.store.failing = () => new StoreFullError('the database cannot grow');
    const failed = stage.service.adopt([result('a')]);
    await expect(stage.now(failed)).rejects.toMatchObject({ code: 'DiskLow' });
    expect(stage.reads.run('a', null)).toBe(null);
    stage.store.failing = () => null;
    await stage.clock.advance(1_000);
    expect(await adopt(result('a'))).toEqual(['adopted']);
  });
});

describe('a job whose file another content has replaced', () => {
  it('R8: is published once more, and once only while that is under way', async () => {
    stage = await Stage.open();
    await stage.submit(['a', { source: 'http' }]);
    const [first] = stage.reads.publications(10);
    if (first === undefined) throw new Error('nothing is to be published');
    await stage.now(stage.service.published([first]));
    expect(stage.reads.unpublished()).toBe(0);
    const a = { name: 'a', run: 1 };
    await stage.now(stage.service.publishJobs([a, { name: 'unknown', run: 1 }]));
    await stage.now(stage.service.publishJobs([a]));
    expect(stage.reads.publications(10)).toMatchObject([{ kind: 'job', job: stage.run('a').id }]);
  });

  it('R8: is published once more also where its first publication is just being told of', async () => {
    stage = await Stage.open();
    await stage.submit(['a', { source: 'http' }]);
    const [first] = stage.reads.publications(10);
    if (first === undefined) throw new Error('nothing is to be published');
    await stage.now(stage.service.publishJobs([{ name: 'a', run: 1 }]));
    await stage.now(stage.service.published([first]));
    const [again, ...more] = stage.reads.publications(10);
    expect([again, more]).toMatchObject([{ kind: 'job', job: stage.run('a').id }, []]);
    // Whoever keeps in mind what was told of does not take it for that.
    expect(again).not.toEqual(first);
  });
});

describe('work that is asked while another run of it gets its answer', () => {
  it.each(['lost', 'failed', 'timed out'])(
    'R6: takes that answer where its own attempt is %s, and is not asked again',
    async (how) => {
      stage = await Stage.open();
      const peer = await stage.attach();
      await stage.submit('asked');
      expect(stage.state('asked')).toBe('running');
      expect(await adopt(result('other', { job: { ...jobOf('asked'), name: 'other' } }))).toEqual([
        'adopted',
      ]);
      expect(stage.state('asked')).toBe('running');
      if (how === 'failed') peer.fail('asked', { blame: 'transient', reason_code: 'ProviderError' });
      else if (how === 'timed out') await stage.live(700_000, [peer, ['asked']]);
      else await stage.live(60_000, [peer, []]);
      await stage.settle();
      expect(stage.states('asked', 'other')).toEqual(['completed', 'completed']);
      expect(stage.text('asked')).toBe('from elsewhere');
      expect(stage.run('asked').answered_by).toBe(stage.run('other').id);
      expect(stage.outcomes('asked')).toHaveLength(1);
      expect(peer.dispatched).toEqual(['asked#1']);
    },
  );
});
