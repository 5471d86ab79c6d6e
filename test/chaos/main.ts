/**
 * `npm run chaos -- --minutes N [--seed S]`: torments a real promptd for so long, and ends with 1 where anything was lost,
 * doubled or made up. What happens when hangs on the seed; how the processes meet it does not.
 */
import { positiveNumber, program, wholeNumber } from '../support/program.ts';
import { runChaos } from './chaos.ts';
import { verdictOf } from './verdict.ts';

const { minutes, seed } = program(
  'chaos',
  'Torments a real promptd, and compares what users were told with what is found.',
)
  .option('--minutes <n>', 'for how long', positiveNumber, 5)
  .option('--seed <s>', 'what the plan is drawn from', wholeNumber(0), Math.floor(Math.random() * 1_000_000))
  .parse()
  .opts<{ readonly minutes: number; readonly seed: number }>();
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
