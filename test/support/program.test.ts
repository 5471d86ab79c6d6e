import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

function run(
  ...args: string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: ROOT }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    );
  });
}

it.each([
  [['test/sim/main.ts', '--seeds', 'abc'], 'whole number from 1'],
  [['test/sim/main.ts', '--seeds', '0'], 'whole number from 1'],
  [['test/sim/main.ts', '--seed', '1e3'], 'whole number from 0'],
  [['test/sim/main.ts', '--turns', '9007199254740993'], 'whole number from 1'],
  [['test/sim/main.ts', '--sedes', '3'], 'unknown option'],
  [['test/sim/main.ts', '3'], 'too many arguments'],
  [['test/sim/main.ts', '--replay', 'package.json'], 'package.json cannot be played'],
  [['test/chaos/main.ts', '--minutes', '0'], 'number above 0'],
  [['test/mutants/main.ts', 'no-such-mutant'], 'No mutant has a name with no-such-mutant'],
  [['bench/main.ts', 'no-such-part'], 'Allowed choices are flow, single, pickup'],
] as const)('%j proves nothing, and says why instead of what passed', async (args, said) => {
  const { code, stdout, stderr } = await run(...args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(said);
});
