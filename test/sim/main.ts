/**
 * `node test/sim/main.ts --seed N --turns M [--seeds K] [--trace]`: runs the simulation from a seed (K seeds from it on), says
 * what was hit, and ends with 1 where a rule was broken.
 */
import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    turns: { type: 'string', default: '200' },
    seeds: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
  },
});
const [seed, steps, seeds] = [Number(values.seed), Number(values.turns), Number(values.seeds)];
const hits = new Map<string, number>();
let failed = 0;
for (let at = seed; at < seed + seeds; at += 1) {
  const report = await simulate({ seed: at, steps });
  for (const [what, times] of report.hits) hits.set(what, (hits.get(what) ?? 0) + times);
  if (report.violations.length > 0) {
    failed += 1;
    process.stdout.write(`seed ${at} breaks a rule:\n  ${report.violations.slice(0, 10).join('\n  ')}\n`);
    process.stdout.write(`again: node test/sim/main.ts --seed ${at} --turns ${steps} --trace\n`);
  }
  if (values.trace) process.stdout.write(`${report.trace.join('\n')}\n`);
  if (seeds === 1 || values.trace) {
    const minutes = Math.round(report.virtual_ms / 60_000);
    process.stdout.write(
      `seed ${at}: ${report.runs} runs accepted, ${report.attempts} attempts, ${minutes} minutes\n`,
    );
  }
}
for (const [what, times] of [...hits].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  process.stdout.write(`${String(times).padStart(7)} ${what}\n`);
process.stdout.write(`${seeds - failed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
