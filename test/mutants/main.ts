/**
 * `npm run mutants [-- NAME…]`: breaks one rule of the design after the other, in copies of the project, and runs the tests
 * that must notice. First they run unbroken, so that a failure means the break. Ends with 1 where a mutant lives.
 *
 *   npm run mutants                    all of them
 *   npm run mutants -- fence spool     those whose name contains a word
 *   npm run mutants -- --list          what there is
 */
import { availableParallelism } from 'node:os';
import { program } from '../support/program.ts';
import { Copy } from './copy.ts';
import type { Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';
import { runTests } from './run-tests.ts';

const command = program(
  'mutants',
  'Breaks one rule after the other in a copy, and runs the tests that must notice.',
)
  .argument('[words...]', 'only those whose name contains one of them')
  .option('--list', 'say what there is')
  .parse();
const { list } = command.opts<{ readonly list?: boolean }>();
const words = command.args;
const wanted = MUTANTS.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
if (wanted.length === 0)
  command.error(`No mutant has a name with ${words.join(' or ')} in it. --list shows them.`);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Works through a list with as many hands as there are copies. */
async function inEach<T>(
  copies: readonly Copy[],
  work: readonly T[],
  act: (copy: Copy, one: T) => Promise<void>,
) {
  const rest = work.values();
  await Promise.all(
    copies.map(async (copy) => {
      for (const one of rest) await act(copy, one);
    }),
  );
}

/** Null where every file that must notice does; else what went wrong. */
async function judge(copy: Copy, mutant: Mutant): Promise<string | null> {
  const verdicts = await copy.with(mutant, () => runTests(copy.root, mutant.killed_by));
  for (const [file, { failed, broken }] of verdicts) {
    if (broken !== null) return `the source cannot be loaded by ${file}, which proves nothing: ${broken}`;
    if (failed === 0) return `${file} passes`;
  }
  return null;
}

async function main(): Promise<number> {
  const began = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - began) / 1000)} s`;
  const copies = await Promise.all(
    Array.from({ length: Math.min(2, availableParallelism()) }, () => Copy.make()),
  );
  let alive = 0;
  try {
    const files = [...new Set(wanted.flatMap(({ killed_by }) => killed_by))];
    await inEach(copies, files, async (copy, file) => {
      const verdict = (await runTests(copy.root, [file])).get(file);
      if (verdict === undefined || verdict.failed > 0 || verdict.broken !== null)
        throw new Error(
          `${file} fails without any mutant: ${verdict?.broken ?? `${verdict?.failed} failures`}`,
        );
    });
    say(`${files.length} test files pass unbroken (${seconds()}).`);
    await inEach(copies, wanted, async (copy, mutant) => {
      const survived = await judge(copy, mutant);
      if (survived !== null) alive += 1;
      say(
        survived === null
          ? `killed   ${mutant.name}  (${seconds()})`
          : `ALIVE    ${mutant.name}: ${mutant.breaks}\n         ${survived}`,
      );
    });
  } finally {
    await Promise.all(copies.map((copy) => copy.remove()));
  }
  say(`${wanted.length - alive} killed, ${alive} alive, in ${seconds()}`);
  return alive === 0 ? 0 : 1;
}

if (list === true) {
  for (const { name, breaks, file } of wanted) say(`${name.padEnd(36)} ${breaks} (${file})`);
} else {
  process.exitCode = await main();
}
