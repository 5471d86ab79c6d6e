/**
 * `npm run chaos -- --minutes N [--seed S]`: torments a real promptd for so long, and ends with 1 where anything was lost,
 * doubled or made up. What happens when hangs on the seed; how the processes meet it does not.
 */
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.ts';
import { verdictOf } from './verdict.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '5' }, seed: { type: 'string' } },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(seed) || seed < 0) {
  console.error('usage: npm run chaos -- --minutes N [--seed S], N above 0 and S a whole number');
  process.exit(2);
}
console.log(`seed ${seed}: ${minutes} minutes of one serve, three instances, and a tormentor`);
const giveUp = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => giveUp.abort());
const report = await runChaos({
  seed,
  duration_ms: minutes * 60_000,
  say: (line) => console.log(line),
  signal: giveUp.signal,
}).catch((error: unknown) => {
  console.error(error);
  process.exit(giveUp.signal.aborted ? 130 : 1);
});
process.stdout.write(verdictOf(report));
console.log(`again: npm run chaos -- --minutes ${minutes} --seed ${seed}`);
process.exitCode = report.violations.length > 0 ? 1 : 0;
