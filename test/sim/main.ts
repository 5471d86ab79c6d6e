/**
 * `npm run sim -- --seed N --turns M [--seeds K] [--trace] [--no-shrink]`: runs the simulation from a seed (K seeds from it on), says what
 * was hit, and ends with 1 where a rule was broken. A failure is cut down to a short list of events, written to a file, and
 * played again by `npm run sim -- --replay FILE`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sayAction, type Action } from './actions.ts';
import { schedule } from './schedule.ts';
import { shrink } from './shrink.ts';
import { play, type SimulationReport } from './simulation.ts';

interface Recording {
  readonly seed: number;
  readonly actions: readonly Action[];
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    turns: { type: 'string', default: '200' },
    seeds: { type: 'string', default: '1' },
    replay: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
  },
});
const PROGRESS_MS = 5_000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function sayViolations({ violations }: SimulationReport): void {
  for (const { rule, message } of violations.slice(0, 10)) say(`  (${rule}) ${message}`);
}

/** Cuts the list down, and says how to see it again. */
async function explain(seed: number, actions: readonly Action[], rule: string): Promise<void> {
  say(`cutting ${actions.length} events down …`);
  const { actions: short, runs } = await shrink(seed, actions, rule);
  const file = join(tmpdir(), `promptd-sim-${seed}.json`);
  writeFileSync(file, JSON.stringify({ seed, actions: short } satisfies Recording, null, 1));
  say(`${short.length} events are enough (after ${runs} runs):`);
  for (const action of short) say(`  ${sayAction(action)}`);
  say(`again: npm run sim -- --replay ${file} --trace`);
}

async function replay(file: string): Promise<boolean> {
  const { seed, actions } = JSON.parse(readFileSync(file, 'utf8')) as Recording;
  const report = await play(seed, actions);
  if (values.trace) say(report.trace.join('\n'));
  say(`${actions.length} events of seed ${seed}:`);
  sayViolations(report);
  return report.violations.length === 0;
}

async function runSeeds(first: number, seeds: number, turns: number): Promise<number> {
  const hits = new Map<string, number>();
  let failed = 0;
  let told = performance.now();
  for (let seed = first; seed < first + seeds; seed += 1) {
    const actions = schedule(seed, turns);
    const report = await play(seed, actions);
    for (const [what, times] of report.hits) hits.set(what, (hits.get(what) ?? 0) + times);
    const [broken] = report.violations;
    if (values.trace) say(report.trace.join('\n'));
    if (broken !== undefined) {
      failed += 1;
      say(`seed ${seed} breaks a rule:`);
      sayViolations(report);
      say(`again: npm run sim -- --seed ${seed} --turns ${turns} --trace`);
      if (!values['no-shrink']) await explain(seed, actions, broken.rule);
    } else if (seeds === 1) {
      const minutes = Math.round(report.virtual_ms / 60_000);
      say(`seed ${seed}: ${report.runs} runs accepted, ${report.attempts} attempts, ${minutes} minutes`);
    }
    if (performance.now() - told > PROGRESS_MS) {
      told = performance.now();
      say(`… ${seed - first + 1} of ${seeds} seeds, ${failed} failed`);
    }
  }
  for (const [what, times] of [...hits].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    say(`${String(times).padStart(7)} ${what}`);
  say(`${seeds - failed} passed, ${failed} failed`);
  return failed;
}

if (values.replay === undefined) {
  const failed = await runSeeds(Number(values.seed), Number(values.seeds), Number(values.turns));
  process.exitCode = failed > 0 ? 1 : 0;
} else {
  process.exitCode = (await replay(values.replay)) ? 0 : 1;
}
