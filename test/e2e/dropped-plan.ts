/**
 * A seeded plan: thousands of files in the order in which they are put into `jobs/`, in lots, one lot for each life of a
 * server; and what is to stand in the workspace at the end.
 */
import type { SeededRandom } from '../support/seeded-random.ts';
import {
  AMBIGUOUS,
  type Asked,
  batchFile,
  type Content,
  type DroppedFile,
  jobFile,
  nameOf,
  namedFile,
  noJobFile,
  pick,
  type RightFile,
  type Work,
  WAYS_TO_BE_WRONG,
  workOf,
  wrongFile,
} from './dropped-jobs.ts';

/** One act of whoever drops files. */
export type Step =
  /** Made elsewhere, and moved in; over a file of that name, where there is one. */
  | { readonly do: 'move'; readonly file: string; readonly content: Content }
  /** Written where it is, at once. */
  | { readonly do: 'write'; readonly file: string; readonly content: Buffer }
  /** The next piece of a file that is written slowly. */
  | { readonly do: 'append'; readonly file: string; readonly content: Buffer }
  | { readonly do: 'remove'; readonly file: string };

export interface Lot {
  readonly steps: readonly Step[];
  /** How many different works the files up to the end of this lot ask. */
  readonly works: number;
}

export interface Plan {
  readonly lots: readonly Lot[];
  /** Right files of all lots. */
  readonly asks: readonly Asked[];
  readonly wrong: readonly DroppedFile[];
}

export interface PlanOptions {
  /** Tells the works of this plan from those of others. */
  readonly label: string;
  readonly lots: number;
  readonly files: number;
  /** Of each way to be wrong, all of them in the first lots. */
  readonly wrong_each: number;
}

/** Numbers of names begin here, so that none of them is one of the `AMBIGUOUS`. */
const FIRST = 100;
const BATCH_EVERY = 60;
const LINES_MAX = 9;
/** A file whose next piece comes this much later at most, in steps. */
const SLOW_STEPS = 40;

export function planOf(random: SeededRandom, options: PlanOptions): Plan {
  const { label, lots, files } = options;
  const rights = rightFiles(random, label, files);
  const wrong = Array.from({ length: options.wrong_each * WAYS_TO_BE_WRONG }, (_, i) => wrongFile(FIRST + i));
  const lotted: Step[][] = Array.from({ length: lots }, () => []);
  const lotOf = (i: number): number => Math.floor((i * lots) / rights.length);
  for (const [i, right] of rights.entries()) lotted[lotOf(i)]?.push(...stepsOf(random, right));
  const early = Math.max(1, Math.floor(lots / 3));
  for (const [i, file] of wrong.entries()) lotted[i % early]?.push(...wrongSteps(random, file));
  for (let i = 0; i < files / 100; i += 1) {
    const { file, content } = noJobFile(random, FIRST + i);
    lotted[random.below(lots)]?.push({ do: 'move', file, content });
  }
  return {
    lots: lotted.map((steps, lot) => ({
      steps: shuffledABit(random, steps),
      works: distinct(rights.filter((_, i) => lotOf(i) <= lot).flatMap(({ asks }) => asks)),
    })),
    asks: rights.flatMap(({ asks }) => asks),
    wrong,
  };
}

function distinct(asks: readonly Asked[]): number {
  return new Set(asks.map(({ work }) => work.prompt)).size;
}

/** Three in four ask something new; the others ask under another name what was asked before. */
function rightFiles(random: SeededRandom, label: string, count: number): RightFile[] {
  const files: RightFile[] = [];
  let works = 0;
  const work = (): Work =>
    workOf(label, works > 0 && random.below(4) === 0 ? random.below(works) : (works += 1));
  for (let i = 0; i < count; i += 1) {
    const n = FIRST + i;
    if (i % BATCH_EVERY === 0) files.push(...batchWithCompany(random, `${label}-lot-${n}`, work));
    else if (i % BATCH_EVERY === 1) files.push(...sameNameTwice(random, `${label}-twice-${n}`, work()));
    else files.push(jobFile(random, `${nameOf(random, n)}-${label}`, work()));
  }
  for (const name of AMBIGUOUS)
    files.push(jobFile(random, label === 'first' ? name : `${name}-${label}`, work()));
  return files;
}

/** A batch, and beside it a file that is a job of the same name as one of its lines, and asks the same. */
function batchWithCompany(random: SeededRandom, batch: string, work: () => Work): RightFile[] {
  const works = new Map(
    Array.from({ length: 1 + random.below(LINES_MAX) }, work).map((one) => [one.prompt, one]),
  );
  const lot = batchFile(random, batch, [...works.values()]);
  const line = pick(random, lot.asks);
  return typeof line.name === 'string' ? [lot, jobFile(random, line.name, line.work)] : [lot];
}

/** A file that says another name than its own, and a file of that name: one job. */
function sameNameTwice(random: SeededRandom, name: string, work: Work): RightFile[] {
  return [namedFile(random, `${name}-alias`, name, work), jobFile(random, name, work)];
}

function stepsOf(random: SeededRandom, { file, content }: RightFile): Step[] {
  const how = random.below(10);
  if (how === 0) return [...slowly(random, file, content)];
  return [{ do: how < 4 ? 'write' : 'move', file, content }];
}

function* slowly(random: SeededRandom, file: string, content: Buffer): Generator<Step> {
  const pieces = 2 + random.below(3);
  let from = 0;
  for (let piece = 1; from < content.length; piece += 1) {
    const to = piece >= pieces ? content.length : from + random.below(content.length - from);
    yield { do: 'append', file, content: content.subarray(from, to) };
    from = to;
  }
}

function wrongSteps(random: SeededRandom, { file, content }: DroppedFile): Step[] {
  if (typeof content === 'string' || random.below(2) === 0) return [{ do: 'move', file, content }];
  return [{ do: 'write', file, content }];
}

/** Pieces of a file stay in their order. */
function shuffledABit(random: SeededRandom, steps: readonly Step[]): Step[] {
  const last = new Map<string, number>();
  const placed = steps.map((step, i) => {
    const least = last.get(step.file) ?? -1;
    const at = Math.max(least + 0.001, i + random.below(SLOW_STEPS));
    last.set(step.file, at);
    return { step, at };
  });
  return placed.toSorted((a, b) => a.at - b.at).map(({ step }) => step);
}
