/** What must be so at the end of the scenario, whoever was killed in it, wherever. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'vitest';
import { recoverSpool } from '../../src/instance/spool-recovery.ts';
import { systemFiles } from '../../src/platform/files.ts';
import { DROPPED, JOBS, promptOf, SHARED, type Name, type Played, type Setting } from './crash-scenario.ts';
import type { Machine } from './machine.ts';

const NAMES = Object.keys(JOBS) as Name[];
const FROM_FILES: readonly Name[] = ['dropped', 'lines.a', 'lines.b', 'twin'];
const ENDED: readonly Name[] = ['unwanted', 'wrong'];
const ANSWERED = NAMES.filter((name) => !ENDED.includes(name));

const DONE = ['succeeded'];

/** How the attempts of each run end, beside those that a killed instance took with it. */
const OUTCOMES: Partial<Record<Name, readonly string[]>> = {
  flaky: ['errored', 'succeeded'],
  throttled: ['rate_limited', 'succeeded'],
  follower: [],
  twin: [],
  unwanted: ['cancelled'],
  wrong: ['errored'],
};

interface Row {
  readonly name: Name;
  readonly run: number;
  readonly state: string;
  readonly results: number;
  readonly outcomes: string | null;
}

export interface Allowed {
  readonly setting: Setting;
  /** An instance was killed: what was in flight there may have been asked before, or not. */
  readonly asked_again: boolean;
}

export async function checkEnd(machine: Machine, played: Played, allowed: Allowed): Promise<void> {
  expect(played.exit_codes).toEqual(played.ends.map(() => 0));
  const rows = readRows(machine.path('.promptd', 'queue.db'));
  const runs = NAMES.map((name) => `${name}@1`).toSorted();
  expect([...played.acknowledged].toSorted()).toEqual(runs);
  expect(rows.map(({ name, run }) => `${name}@${run}`).toSorted()).toEqual(runs);
  for (const row of rows) checkRun(machine, row, allowed);
  await checkFolders(machine);
  const spool = machine.path('.promptd', allowed.setting === 'local' ? 'spool' : 'spool-far');
  expect((await recoverSpool(systemFiles, spool, () => undefined)).entries.size).toBe(0);
}

function checkRun(machine: Machine, row: Row, { asked_again }: Allowed): void {
  const { name, state, results } = row;
  const outcomes = row.outcomes?.split(' ') ?? [];
  const told = outcomes.filter((outcome) => outcome !== 'lost');
  const wanted = name === 'unwanted' ? 'cancelled' : name === 'wrong' ? 'failed' : 'completed';
  expect({ name, state, results }).toEqual({ name, state: wanted, results: wanted === 'completed' ? 1 : 0 });
  expect(outcomes.length - told.length, `lost attempts of ${name}`).toBeLessThanOrEqual(1);
  const ways = asked_again && outcomes.includes('lost') ? waysAfterLoss(name) : [OUTCOMES[name] ?? DONE];
  expect(ways, `outcomes of ${name}`).toContainEqual(told);
  if (SHARED[name] !== undefined) return;
  const asked = machine.model.count(promptOf(name));
  const most = asked_again ? outcomes.length : told.length;
  expect(asked, `requests of ${name}, ${row.outcomes}`).toBeGreaterThanOrEqual(told.length);
  expect(asked, `requests of ${name}, ${row.outcomes}`).toBeLessThanOrEqual(most);
}

/**
 * What beside the lost attempt may stand there: the work was done again; or the lost attempt's outcome came from the spool,
 * and a newer attempt had not begun, or was ended for it.
 */
function waysAfterLoss(name: Name): readonly (readonly string[])[] {
  const whole = OUTCOMES[name] ?? DONE;
  const before = whole.slice(0, -1);
  return [whole, before, [...before, 'cancelled']];
}

/** Runs with the outcomes of their attempts in order; the database must be whole and have nothing left to do. */
function readRows(path: string): readonly Row[] {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    expect(db.prepare('SELECT count(*) AS left FROM to_publish').get()).toEqual({ left: 0 });
    const rows = db.prepare(
      `SELECT name, run, state, (SELECT count(*) FROM results r WHERE r.job = j.id) AS results,
         (SELECT group_concat(coalesce(outcome, 'open'), ' ' ORDER BY attempt) FROM attempts a WHERE a.job = j.id) AS outcomes
       FROM jobs j ORDER BY name, run`,
    );
    return rows.all() as unknown as Row[];
  } finally {
    db.close();
  }
}

async function checkFolders(machine: Machine): Promise<void> {
  const published = NAMES.filter((name) => !FROM_FILES.includes(name)).map((name) => `${name}.json`);
  expect(await machine.files('jobs')).toEqual([...published, ...Object.keys(DROPPED)].toSorted());
  for (const [file, text] of Object.entries(DROPPED))
    expect(await readFile(machine.path('jobs', file), 'utf8')).toBe(text);
  expect(await machine.files('rejected')).toEqual([expect.stringMatching(/^misspelled\.\d+\.json$/)]);
  expect(await namesIn(machine, 'results')).toEqual(ANSWERED.toSorted());
  expect(await namesIn(machine, 'ended')).toEqual(ENDED.toSorted());
  expect(await machine.files('.promptd/tmp')).toEqual([]);
  expect(await machine.files('conflicts/jobs')).toEqual([]);
  for (const file of await machine.files('results')) {
    const text = await readFile(machine.path('results', file), 'utf8');
    const { result, sha256, prompt } = JSON.parse(text) as {
      readonly result: string;
      readonly sha256: string;
      readonly prompt: unknown;
    };
    expect(createHash('sha256').update(result).digest('hex')).toBe(sha256);
    if (file.endsWith('_scripted.json')) checkPrompt(machine, prompt);
  }
}

/** What a script made at the attempt that answered: another attempt of it was sent another prompt. */
function checkPrompt(machine: Machine, prompt: unknown): void {
  const answered = machine.model.requests.filter(({ state }) => state === 'answered');
  expect(answered.map(({ messages }) => messages)).toContainEqual(prompt);
}

/** `<EPOCH>_<name>.json`, without the epoch. */
async function namesIn(machine: Machine, folder: string): Promise<string[]> {
  const files = await machine.files(folder);
  return files.map((file) => file.replace(/^\d+_(.*)\.json$/, '$1')).toSorted();
}
