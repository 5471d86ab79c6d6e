/** What must be so when everything that was dropped is dealt with. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';
import { isName } from '../../src/core/names.ts';
import type { Asked, Content, Work } from './dropped-jobs.ts';
import type { Dropper } from './dropped-lives.ts';
import type { Machine } from './machine.ts';

interface ResultFile {
  readonly name: string;
  readonly text: string;
  readonly prompt: string;
}

/** Every result file, read without promptd. */
export function readResults(machine: Machine): ResultFile[] {
  return readdirSync(machine.path('results')).map((file) => {
    const { name, result, prompt, sha256 } = JSON.parse(
      readFileSync(machine.path('results', file), 'utf8'),
    ) as {
      readonly name: string;
      readonly result: string;
      readonly prompt: readonly { readonly content: string }[];
      readonly sha256: string;
    };
    expect(file).toMatch(/^\d+_.+\.json$/);
    expect(file.slice(file.indexOf('_') + 1)).toBe(`${name}.json`);
    expect(sha256Of(Buffer.from(result))).toBe(sha256);
    return { name, text: result, prompt: prompt.at(-1)?.content ?? '' };
  });
}

/** One result a name, each an answer to what was asked under it; and all that asked the same have one answer. */
export function checkAnswers(results: readonly ResultFile[], asks: readonly Asked[]): void {
  const wanted = new Map<string, string>();
  const unnamed: string[] = [];
  for (const { name, work } of asks) {
    if (typeof name === 'string') wanted.set(name, work.prompt);
    else unnamed.push(`${name.batch}: ${work.prompt}`);
  }
  const texts = new Map<string, Set<string>>();
  const found = new Map<string, string>();
  const foundUnnamed: string[] = [];
  for (const { name, text, prompt } of results) {
    expect(found.has(name), `a second result of ${name}`).toBe(false);
    found.set(name, prompt);
    texts.set(prompt, (texts.get(prompt) ?? new Set()).add(text));
    expect(text.endsWith(` of: ${prompt}`), text).toBe(true);
    if (!wanted.has(name)) foundUnnamed.push(`${name.replace(/\.[0-9a-f]{12}$/, '')}: ${prompt}`);
  }
  expect(foundUnnamed.toSorted()).toEqual(unnamed.toSorted());
  for (const [name, prompt] of wanted) expect({ name, prompt: found.get(name) }).toEqual({ name, prompt });
  for (const [prompt, answers] of texts) expect([...answers], prompt).toHaveLength(1);
}

export function countOf(asks: readonly Asked[]): number {
  const names = new Set(asks.flatMap(({ name }) => (typeof name === 'string' ? [name] : [])));
  return names.size + asks.filter(({ name }) => typeof name !== 'string').length;
}

export function worksOf(asks: readonly Asked[]): Work[] {
  return [...new Map(asks.map(({ work }) => [work.prompt, work])).values()];
}

interface Tallied {
  readonly runs: number;
  readonly names: number;
  readonly completed: number;
  readonly digests: number;
  readonly leaders: number;
}

/** The database is whole and has nothing left to do; one run a name, one leader that answered a digest. */
export function checkDatabase(machine: Machine, runs: number, works: number): void {
  const db = new DatabaseSync(machine.path('.promptd', 'queue.db'), { readOnly: true });
  try {
    expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    expect(db.prepare('SELECT count(*) AS left FROM to_publish').get()).toEqual({ left: 0 });
    const tallied = db
      .prepare(
        `SELECT count(*) AS runs, count(DISTINCT name) AS names, sum(completed) AS completed,
           count(DISTINCT digest) AS digests, sum(completed = 1 AND answered_by IS NULL) AS leaders
         FROM jobs`,
      )
      .get() as unknown as Tallied;
    expect({ ...tallied }).toEqual({ runs, names: runs, completed: runs, digests: works, leaders: works });
  } finally {
    db.close();
  }
}

/** Byte for byte what was put there, and nothing beside it. */
export function checkJobs(machine: Machine, dropper: Dropper): void {
  expect(readdirSync(machine.path('jobs')).toSorted()).toEqual([...dropper.put.keys()].toSorted());
  for (const [file, content] of dropper.put)
    expect(standsAs(machine, machine.path('jobs', file), content), file).toBe(true);
}

function standsAs(machine: Machine, path: string, content: Content): boolean {
  const stats = lstatSync(path);
  if (content === 'symlink')
    return stats.isSymbolicLink() && readlinkSync(path) === machine.path('promptd.config.json');
  if (content === 'fifo') return stats.isFIFO();
  if (content === 'directory') return stats.isDirectory() && readdirSync(path).length === 0;
  if (!stats.isFile()) return false;
  if (content === 'too large') return stats.blocks === 0;
  return content.equals(readFileSync(path));
}

/** Every wrong version of a file, by what a report says of it. */
export function versionOf(file: string, content: Content): string {
  const kind = typeof content === 'string' && content !== 'too large' ? content : 'file';
  const isRead = content instanceof Buffer && isName(file.replace(/\.jsonl?$/, ''));
  return `${file} ${kind} ${isRead ? sha256Of(content) : ''}`;
}

interface Report {
  readonly file: string;
  readonly faults: readonly unknown[];
  readonly version: { readonly kind: string; readonly sha256: string | null };
}

/**
 * One report for each version that is wrong. `unfinished`: pieces of files that were written slowly, which may have rested
 * for longer than they are waited for.
 */
export function checkReports(
  machine: Machine,
  versions: readonly string[],
  unfinished: ReadonlySet<string>,
): void {
  const reported = readdirSync(machine.path('rejected')).map((name) => {
    const report = JSON.parse(readFileSync(machine.path('rejected', name), 'utf8')) as Report;
    expect(report.faults.length, name).toBeGreaterThan(0);
    return `${report.file} ${report.version.kind} ${report.version.sha256 ?? ''}`;
  });
  expect(reported.filter((version) => !unfinished.has(version)).toSorted()).toEqual(versions.toSorted());
  expect(new Set(reported).size).toBe(reported.length);
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
