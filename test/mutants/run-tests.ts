/** Runs test files of a copy, and says of each whether it fails. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A run that takes longer has hung: that is no verdict. */
const PATIENCE_MS = 240_000;

export interface FileVerdict {
  readonly passed: number;
  readonly failed: number;
  /** Why no test of it ran: it could not be loaded. */
  readonly broken: string | null;
}

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/** Verdicts by test file. Rejects where there is none. */
export async function runTests(
  root: string,
  files: readonly string[],
): Promise<ReadonlyMap<string, FileVerdict>> {
  const output = join(root, 'report.json');
  await rm(output, { force: true });
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  // Beside others on a small machine a test may be slow, which is not what it is asked.
  const options = ['--reporter=json', `--outputFile=${output}`, '--maxWorkers=1', '--testTimeout=15000'];
  const child = spawn(process.execPath, [vitest, 'run', ...options, ...files], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'ignore'],
    detached: true,
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  });
  await once(child, 'exit');
  const text = await readFile(output, 'utf8').catch(() => null);
  if (text === null) throw new Error(`no verdict on ${files.join(', ')} within ${PATIENCE_MS / 1000} s`);
  const report = JSON.parse(text) as Report;
  return new Map(
    files.map((file): [string, FileVerdict] => {
      const found = report.testResults.find(({ name }) => name === join(root, file));
      const statuses = (found?.assertionResults ?? []).map(({ status }) => status);
      const passed = statuses.filter((status) => status === 'passed').length;
      const failed = statuses.filter((status) => status === 'failed').length;
      const ran = passed + failed > 0;
      return [file, { passed, failed, broken: ran ? null : (found?.message ?? 'it was not run') }];
    }),
  );
}
