import { describe, expect, it, onTestFinished } from 'vitest';
import type { Adoption, AdoptionVerdict } from '../../src/core/adoption.ts';
import { Problem } from '../../src/core/errors.ts';
import { resultFileName } from '../../src/core/names.ts';
import { AnswerWatcher } from '../../src/workspace/answer-watcher.ts';
import type { MadeAnswer } from '../../src/workspace/foreign-answers.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeFolder } from './watcher-setup.ts';

const SECOND = 1_000;
const T = 1_700_000_000_000;

interface Setup {
  readonly clock: FakeClock;
  readonly results: FakeFolder;
  readonly ended: FakeFolder;
  readonly watcher: AnswerWatcher;
  /** Epochs of the runs that the queue knows. */
  readonly known: Map<string, Set<number>>;
  /** `name@run` as they were handed over, one lot a line. */
  readonly lots: string[][];
  readonly troubles: (string | null)[];
  /** Files of results/ of which the database was asked. */
  readonly asked: string[];
  /** What the queue says of a run; without it, it adopts what it does not know. */
  verdicts: Map<string, AdoptionVerdict>;
  refusing: Problem | null;
  /** A run of this name makes its whole lot fail, as a bug would. */
  poison: string;
  /** Names whose job files are gone. */
  readonly jobless: Set<string>;
}

interface Content {
  readonly result: string | null;
  readonly run?: number;
  readonly lacks?: readonly ('files' | 'job')[];
}

function setup(): Setup {
  const clock = new FakeClock();
  const [results, ended] = [new FakeFolder(clock), new FakeFolder(clock)];
  const known = new Map<string, Set<number>>();
  const lots: string[][] = [];
  const troubles: (string | null)[] = [];
  const asked: string[] = [];
  const own: Omit<Setup, 'watcher'> = {
    ...{ clock, results, ended, known, lots, troubles, asked },
    verdicts: new Map(),
    refusing: null,
    poison: '',
    jobless: new Set(),
  };
  const watcher = new AnswerWatcher({
    results,
    ended,
    known: {
      named: (names) => new Set(names.filter((name) => known.has(name))),
      ofRuns(files) {
        asked.push(...files.map(({ name, epoch }) => resultFileName(epoch, name)));
        return files.map(({ name, epoch }) => known.get(name)?.has(epoch) === true);
      },
      published(after, count) {
        const published = [...known].flatMap(([name, epochs]) =>
          [...epochs].map((epoch) => resultFileName(epoch, name)),
        );
        return after < published.length ? published.slice(after, after + count) : null;
      },
    },
    reader: (name) => ({
      make: (_kind, epoch, bytes) => Promise.resolve(made(name, epoch, bytes, own.jobless.has(name))),
    }),
    adopt(adoptions) {
      if (own.refusing !== null) return Promise.reject(own.refusing);
      if (adoptions.some(({ row }) => row.name === own.poison))
        return Promise.reject(new Problem('Internal', 'a constraint refused it'));
      lots.push(adoptions.map(({ row }) => `${row.name}@${row.run}`));
      return Promise.resolve(adoptions.map((one) => adopted(own, one)));
    },
    clock,
    timers: clock,
    onTrouble: (message) => troubles.push(message),
    onFatal: (error) => {
      throw error;
    },
  });
  onTestFinished(() => watcher.stop());
  return Object.assign(own, { watcher });
}

function adopted({ known, verdicts }: Omit<Setup, 'watcher'>, { row }: Adoption): AdoptionVerdict {
  const verdict = verdicts.get(row.name) ?? 'adopted';
  if (verdict !== 'of_no_run') known.set(row.name, (known.get(row.name) ?? new Set()).add(row.epoch));
  return verdict;
}

function made(name: string, epoch: number, bytes: Uint8Array, jobless: boolean): MadeAnswer {
  const text = Buffer.from(bytes).toString();
  let content: Content;
  try {
    content = JSON.parse(text) as Content;
  } catch {
    return { is: 'wrong', whole: false, message: 'expected JSON' };
  }
  if (content.result === null) return { is: 'null_result' };
  if (typeof content.result !== 'string') return { is: 'wrong', whole: true, message: 'expected "result"' };
  const row = { name, epoch, run: content.run ?? 1 };
  const adoption = { row, is_certain: content.run !== undefined } as Adoption;
  return { is: 'run', adoption, lacks: [...(content.lacks ?? []), ...(jobless ? ['job' as const] : [])] };
}

/** What `promise` gives, without time passing; null while it gives nothing. */
async function now<V>({ clock }: Setup, promise: Promise<V>): Promise<V | null> {
  let value: V | null = null;
  void promise.then(
    (given) => (value = given),
    () => undefined,
  );
  await clock.settle();
  return value;
}

describe('a file in results/', () => {
  it('R9 R14: of a run that nobody knows is adopted, and never looked at again', async () => {
    const { clock, results, watcher, lots } = setup();
    results.put(`${T}_a.json`, { result: 'text', run: 1 });
    results.put('notes.json', { result: 'text' });
    watcher.start();
    await clock.settle();
    expect(lots).toEqual([['a@1']]);
    const { look } = results.asked;
    await clock.advance(60 * SECOND);
    expect([lots, results.asked.look, watcher.ofNoRun('result').size]).toEqual([[['a@1']], look, 0]);
  });

  it('R10: that the queue published is known by name and epoch, and not opened', async () => {
    const { clock, results, ended, watcher, known } = setup();
    for (let i = 0; i < 3_000; i += 1) {
      known.set(`own-${i}`, new Set([T + i]));
      results.put(`${T + i}_own-${i}.json`, { result: 'text' });
    }
    ended.put(`${T - 1}_own-1.json`, { result: null });
    watcher.start();
    await clock.advance(10 * SECOND);
    expect([results.asked.look, results.opened, ended.opened]).toEqual([0, [], []]);
  });

  it('R10: that was published before the start is asked of nobody, and what comes since is', async () => {
    const { clock, results, watcher, known, lots, asked } = setup();
    const put = (i: number): void => results.put(`${T + i}_own-${i}.json`, { result: 'text', run: 1 });
    for (let i = 0; i < 3_000; i += 1) known.set(`own-${i}`, new Set([T + i]));
    for (let i = 0; i < 3_001; i += 1) put(i);
    watcher.start();
    await clock.settle();
    expect([[...new Set(asked)], lots]).toEqual([[`${T + 3_000}_own-3000.json`], [['own-3000@1']]]);
    known.set('own-3001', new Set([T + 3_001]));
    put(3_001);
    await clock.advance(10 * SECOND);
    expect([results.opened.length, lots.length]).toEqual([1, 1]);
  });

  it('R9: of a known name is another one where no run of it has its epoch', async () => {
    const { clock, results, watcher, known, lots } = setup();
    known.set('a', new Set([T]));
    results.put(`${T}_a.json`, { result: 'text', run: 1 });
    results.put(`${T + 1}_a.json`, { result: 'text', run: 2 });
    watcher.start();
    await clock.settle();
    expect([lots, results.opened]).toEqual([[['a@2']], [`${T + 1}_a.json`]]);
  });

  it('R14: is found where nothing tells of it, within two seconds, also where the folder tells time in steps', async () => {
    const { clock, results, watcher, lots } = setup();
    results.granularity_ms = 2 * SECOND;
    watcher.start();
    await clock.advance(10 * SECOND);
    results.put(`${T}_a.json`, { result: 'text', run: 1 });
    await clock.advance(2 * SECOND);
    results.put(`${T}_b.json`, { result: 'text', run: 1 });
    await clock.advance(2 * SECOND);
    expect(lots).toEqual([['a@1'], ['b@1']]);
  });

  it('R9: comes after the earlier runs of its name, however the folder lists them', async () => {
    const { clock, results, watcher, lots } = setup();
    for (const run of [3, 1, 2]) results.put(`${T + run}_a.json`, { result: 'text', run });
    watcher.start();
    await clock.settle();
    expect(lots.flat()).toEqual(['a@1', 'a@2', 'a@3']);
  });

  it('R14: that is half-written is waited for, with the runs after it; then it is of no run', async () => {
    const { clock, results, watcher, lots } = setup();
    watcher.start();
    results.put(`${T}_a.json`, '{"result": "te');
    results.put(`${T + 1}_a.json`, { result: 'text', run: 2 });
    results.put(`${T}_b.json`, '{"result": "te');
    await clock.advance(5 * SECOND);
    expect([lots, watcher.waiting, watcher.ofNoRun('result').size]).toEqual([[], 3, 0]);
    results.write(`${T}_a.json`, '{"result": "text", "run": 1}');
    await clock.advance(7 * SECOND);
    expect(lots.flat()).toEqual(['a@1', 'a@2']);
    expect([...watcher.ofNoRun('result').values()]).toMatchObject([
      { file: `${T}_b.json`, message: 'expected JSON' },
    ]);
    results.write(`${T}_b.json`, '{"result": "mended", "run": 1}');
    await clock.advance(2 * SECOND);
    expect([lots.flat(), watcher.ofNoRun('result').size]).toEqual([['a@1', 'a@2', 'b@1'], 0]);
  });

  it('R14: that is no file is not opened, and shown', async () => {
    const { clock, results, watcher, lots } = setup();
    for (const kind of ['symlink', 'fifo', 'directory'] as const)
      results.put(`${T}_${kind}.json`, { result: 'text' }, kind);
    watcher.start();
    await clock.advance(20 * SECOND);
    expect([...watcher.ofNoRun('result').values()].map(({ message }) => message)).toEqual([
      'expected a regular file, got a symbolic link',
      'expected a regular file, got a FIFO',
      'expected a regular file, got a folder',
    ]);
    expect([lots, results.opened]).toEqual([[], []]);
  });

  it('R9: that is the null result is of no run, and says so itself', async () => {
    const { clock, results, watcher, lots } = setup();
    results.put(`${T}_a.json`, { result: null });
    watcher.start();
    await clock.advance(20 * SECOND);
    expect([lots, watcher.ofNoRun('result').size, watcher.waiting, results.opened.length]).toEqual([
      [],
      0,
      0,
      1,
    ]);
  });

  it('R9: that fits nowhere is shown, read once, and offered again when a run of its name ends', async () => {
    const { clock, results, watcher, lots, verdicts } = setup();
    verdicts.set('a', 'of_no_run');
    results.put(`${T}_a.json`, { result: 'text', run: 2 });
    watcher.start();
    await clock.advance(30 * SECOND);
    expect([lots, results.opened.length, watcher.ofNoRun('result').size]).toEqual([[['a@2']], 1, 1]);
    verdicts.delete('a');
    watcher.ended(['other', 'a']);
    await clock.advance(2 * SECOND);
    expect([lots, watcher.ofNoRun('result').size]).toEqual([[['a@2'], ['a@2']], 0]);
  });

  it('R14: that is gone again is forgotten', async () => {
    const { clock, results, watcher } = setup();
    results.put(`${T}_a.json`, 'no JSON');
    watcher.start();
    await clock.advance(20 * SECOND);
    expect(watcher.ofNoRun('result').size).toBe(1);
    results.remove(`${T}_a.json`);
    await clock.advance(2 * SECOND);
    expect([watcher.ofNoRun('result').size, watcher.waiting]).toEqual([0, 0]);
  });

  it('R9: of which files are missing is waited for, and taken without them then', async () => {
    const { clock, results, watcher, lots } = setup();
    watcher.start();
    results.put(`${T}_a.json`, { result: 'text', run: 1, lacks: ['files'] });
    await clock.advance(SECOND);
    expect(lots).toEqual([]);
    await clock.advance(3 * SECOND);
    expect(lots).toEqual([['a@1']]);
  });

  it('R9: that does not say what was asked waits for its job, unless somebody asks for it', async () => {
    const all = setup();
    const { clock, results, watcher, lots, jobless } = all;
    for (const name of ['a', 'b']) {
      jobless.add(name);
      results.put(`${T}_${name}.json`, { result: 'text' });
    }
    watcher.start();
    await clock.advance(5 * SECOND);
    expect(lots).toEqual([]);
    const asked = watcher.settled(clock.monotonic(), ['a']);
    await clock.advance(100);
    expect([await now(all, asked), lots]).toEqual([new Set(), [['a@1']]]);
    await clock.advance(10 * SECOND);
    expect(lots).toEqual([['a@1'], ['b@1']]);
  });
});

describe('a file in ended/', () => {
  it('R9: is adopted only where nobody knows its name, and after the results', async () => {
    const { clock, results, ended, watcher, lots, known } = setup();
    known.set('known', new Set([T + 5]));
    for (const name of ['known', 'failed', 'both']) ended.put(`${T}_${name}.json`, { result: 'end', run: 1 });
    results.put(`${T + 1}_both.json`, { result: 'text', run: 2 });
    watcher.start();
    await clock.settle();
    expect(lots).toEqual([['both@2'], ['failed@1']]);
  });

  it('R9: is the last of those of its run, as a rebuild has it', async () => {
    const { clock, ended, watcher, known } = setup();
    for (const epoch of [T + 1, T + 3, T + 2]) ended.put(`${epoch}_a.json`, { result: 'end', run: 1 });
    watcher.start();
    await clock.settle();
    expect([...(known.get('a') ?? [])][0]).toBe(T + 3);
  });
});

describe('a file in ended/ beside a result that is being written', () => {
  it('R9: waits for it, since the run may have gone on to an answer', async () => {
    const { clock, results, ended, watcher, lots } = setup();
    ended.put(`${T}_x.json`, { result: 'end', run: 1 });
    results.put(`${T + 1}_x.json`, '{"result": "half');
    watcher.start();
    await clock.advance(3 * SECOND);
    expect(lots).toEqual([]);
    results.write(`${T + 1}_x.json`, JSON.stringify({ result: 'whole', run: 1 }));
    await clock.advance(3 * SECOND);
    expect([lots, watcher.waiting]).toEqual([[['x@1']], 0]);
  });
});

describe('whoever asks before a job is queued', () => {
  it('R8: waits for nothing at rest, and for no listing', async () => {
    const all = setup();
    const { clock, results, watcher } = all;
    watcher.start();
    await clock.advance(10 * SECOND);
    const { names } = results.asked;
    expect(await now(all, watcher.settled(clock.monotonic(), ['a']))).toEqual(new Set());
    expect(results.asked.names).toBe(names);
  });

  it('R8: waits, while answers come, for a listing that began after the file was seen, and what it found', async () => {
    const all = setup();
    const { clock, results, watcher, lots } = all;
    watcher.start();
    await clock.advance(10 * SECOND);
    results.put(`${T}_other.json`, { result: 'text', run: 1 });
    await clock.advance(1_500);
    results.put(`${T}_a.json`, { result: 'text', run: 1 });
    const asked = watcher.settled(clock.monotonic(), ['a']);
    expect(await now(all, asked)).toBe(null);
    await clock.advance(100);
    expect(await now(all, asked)).toEqual(new Set());
    expect(lots).toEqual([['other@1'], ['a@1']]);
  });

  it('R8: waits for a listing where the folder cannot tell what came since from what came before', async () => {
    const all = setup();
    const { clock, results, watcher, lots } = all;
    results.granularity_ms = 2 * SECOND;
    results.put(`${T}_other.json`, { result: 'text', run: 1 });
    watcher.start();
    await clock.advance(500);
    results.put(`${T}_a.json`, { result: 'text', run: 1 });
    const asked = watcher.settled(clock.monotonic(), ['a']);
    await clock.advance(100);
    expect([await now(all, asked), lots]).toEqual([new Set(), [['other@1'], ['a@1']]]);
  });

  it('R8: is not satisfied by a listing that had begun before', async () => {
    const all = setup();
    const { clock, results, watcher, lots } = all;
    let asked: Promise<ReadonlySet<string>> | null = null;
    results.put(`${T}_x.json`, { result: 'text', run: 1 });
    results.put(`${T}_y.json`, { result: 'text', run: 1 });
    results.whileListing = () => {
      results.whileListing = null;
      clock.freeze(1);
      results.put(`${T}_a.json`, { result: 'text', run: 1 });
      asked = watcher.settled(clock.monotonic(), ['a']);
    };
    watcher.start();
    await clock.settle();
    await clock.advance(100);
    expect(await now(all, asked ?? Promise.reject(new Error('nobody asked')))).toEqual(new Set());
    expect(lots.flat()).toContain('a@1');
  });

  it('R8: waits for no other listing where the one under way began after the file was seen', async () => {
    const all = setup();
    const { clock, results, watcher } = all;
    results.put(`${T}_x.json`, { result: 'text', run: 1 });
    const seen_m = clock.monotonic();
    let asked: Promise<ReadonlySet<string>> | null = null;
    results.whileListing = () => {
      results.whileListing = null;
      asked = watcher.settled(seen_m, ['a', 'x']);
    };
    clock.freeze(1);
    watcher.start();
    await clock.settle();
    expect(await now(all, asked ?? Promise.reject(new Error('nobody asked')))).toEqual(new Set());
    expect([results.asked.names, all.lots]).toEqual([1, [['x@1']]]);
  });

  it('R8: waits five seconds at most while a hundred thousand answers stand there and more come', async () => {
    const all = setup();
    const { clock, results, watcher } = all;
    results.listing_takes_ms = 400;
    watcher.start();
    for (let i = 0; i < 20; i += 1) {
      results.put(`${T + i}_r-${i}.json`, { result: 'text', run: 1 });
      const asked = watcher.settled(clock.monotonic(), [`job-${i}`]);
      await clock.advance(5 * SECOND);
      expect(await now(all, asked), `the one at ${i}`).toEqual(new Set());
    }
    // A tenth of the time, and no more.
    expect(results.asked.names).toBeLessThan((20 * 5 * SECOND) / 4_000 + 2);
  });

  it('R8: hears of names whose answers are still being written', async () => {
    const all = setup();
    const { clock, results, watcher } = all;
    watcher.start();
    results.put(`${T}_a.json`, '{"result": "te');
    await clock.advance(SECOND);
    const asked = watcher.settled(clock.monotonic(), ['a', 'b']);
    await clock.advance(100);
    expect(await now(all, asked)).toEqual(new Set(['a']));
  });

  it('R26: is told where the folders cannot be read, or the queue takes nothing, and it goes on when it can', async () => {
    const all = setup();
    const { clock, results, watcher, troubles, lots } = all;
    watcher.start();
    await clock.advance(SECOND);
    all.refusing = new Problem('DiskLow', 'The disk is full.');
    results.put(`${T}_a.json`, { result: 'text', run: 1 });
    const asked = watcher.settled(clock.monotonic(), ['a']);
    const refused = expect(asked).rejects.toMatchObject({ code: 'DiskLow' });
    await clock.advance(2 * SECOND);
    await refused;
    expect(troubles.at(-1)).toBe('The disk is full.');
    all.refusing = null;
    await clock.advance(2 * SECOND);
    expect([lots, troubles.at(-1), watcher.ofNoRun('result').size]).toEqual([[['a@1']], null, 0]);
  });

  it('R18: is told where the server stops', async () => {
    const { clock, watcher } = setup();
    const asked = expect(watcher.settled(0, ['a'])).rejects.toMatchObject({ code: 'ShuttingDown' });
    await clock.settle();
    await watcher.stop();
    await asked;
    await expect(watcher.settled(0, ['a'])).rejects.toMatchObject({ code: 'ShuttingDown' });
  });
});

describe('an answer that cannot be taken', () => {
  it('R26: since it cannot be read, is shown, and keeps no other one from being taken', async () => {
    const { clock, results, watcher, lots } = setup();
    const all = ['a', 'b', 'c'];
    for (const name of all) results.put(`${T}_${name}.json`, { result: 'text', run: 1 });
    results.broken.set(
      `${T}_b.json`,
      Object.assign(new Error('EIO: i/o error'), { code: 'EIO', syscall: 'read' }),
    );
    watcher.start();
    await clock.settle();
    expect(lots).toEqual([['a@1', 'c@1']]);
    expect([...watcher.ofNoRun('result').values()]).toMatchObject([
      { file: `${T}_b.json`, message: 'it cannot be read: EIO: i/o error' },
    ]);
    results.broken.clear();
    await clock.advance(12 * SECOND);
    expect([lots.at(-1), watcher.ofNoRun('result').size]).toEqual([['b@1'], 0]);
  });

  it('R26: since what it says is more than was thought of, is shown, and keeps nobody waiting', async () => {
    const { clock, results, watcher, lots, troubles } = setup();
    for (const name of ['a', 'b', 'c']) results.put(`${T}_${name}.json`, { result: 'text', run: 1 });
    results.broken.set(`${T}_b.json`, new TypeError('a property of null'));
    watcher.start();
    const settled = watcher.settled(clock.monotonic(), ['job']);
    await clock.advance(3 * SECOND);
    expect(await settled).toEqual(new Set());
    expect([lots, troubles]).toEqual([[['a@1', 'c@1']], []]);
    expect([...watcher.ofNoRun('result').values()]).toMatchObject([
      { file: `${T}_b.json`, message: 'it cannot be read: a property of null' },
    ]);
  });

  it('R26: since the queue refuses it, is of no run, and the others of its lot are taken', async () => {
    const all = setup();
    all.poison = 'b';
    for (const name of ['a', 'b', 'c']) all.results.put(`${T}_${name}.json`, { result: 'text', run: 1 });
    all.watcher.start();
    await all.clock.settle();
    expect(all.lots).toEqual([['a@1'], ['c@1']]);
    expect([...all.watcher.ofNoRun('result').values()]).toMatchObject([
      { file: `${T}_b.json`, message: 'a constraint refused it' },
    ]);
    expect(all.troubles).toEqual([]);
  });
});
