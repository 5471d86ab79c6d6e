/**
 * `npm run sim`: runs the simulation under seeds, says what was hit, and ends with 1 where a rule was broken. A failure is cut
 * down to a short list of events, written to a file, and played again by `npm run sim -- --replay FILE`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program, wholeNumber } from '../support/program.ts';
import { sayAction, type Action } from './actions.ts';
import { schedule } from './schedule.ts';
import { shrink } from './shrink.ts';
import { play, type SimulationReport } from './simulation.ts';

interface Recording {
  readonly seed: number;
  readonly actions: readonly Action[];
}

const values = program(
  'sim',
  'Plays the simulation under one seed or many, and says what was hit and what was broken.',
)
  .option('--seed <n>', 'the first seed', wholeNumber(0), 1)
  .option('--seeds <k>', 'how many, from it on', wholeNumber(1), 1)
  .option('--turns <m>', 'events of a seed', wholeNumber(1), 200)
  .option('--replay <file>', 'play the list of events of a failure')
  .option('--trace', 'say everything that happens')
  .option('--no-shrink', 'leave a failure as long as it is')
  .parse()
  .opts<{
    readonly seed: number;
    readonly seeds: number;
    readonly turns: number;
    readonly replay?: string;
    readonly trace?: boolean;
    readonly shrink: boolean;
  }>();
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

function recordingIn(file: string): Recording {
  try {
    const read = JSON.parse(readFileSync(file, 'utf8')) as Partial<Recording>;
    if (Number.isSafeInteger(read.seed) && Array.isArray(read.actions)) return read as Recording;
    throw new Error('expected {"seed": …, "actions": […]}, as a failure writes it');
  } catch (error) {
    process.stderr.write(
      `${file} cannot be played: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exit(1);
  }
}

async function replay(file: string): Promise<boolean> {
  const { seed, actions } = recordingIn(file);
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
      if (values.shrink) await explain(seed, actions, broken.rule);
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
  const failed = await runSeeds(values.seed, values.seeds, values.turns);
  process.exitCode = failed > 0 ? 1 : 0;
} else {
  process.exitCode = (await replay(values.replay)) ? 0 : 1;
}
