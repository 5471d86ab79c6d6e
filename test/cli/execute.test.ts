/** What `promptd execute` says while an attempt is made, and how it ends; the attempt itself is the test's. */
import { expect, test } from 'vitest';
import type { ExecuteObserver, ExecuteOptions, Executed, ReadyJob } from '../../src/cli/deps.ts';
import { EXIT } from '../../src/core/errors.ts';
import { job, setup } from './cli-setup.ts';

const RESULT = {
  job: 'hello.json',
  result: 'Hello \u001b]0;pwned\u0007there',
  warnings: ['seed is not supported here.'],
  usage: { input: 3, cached: null, output: null, reasoning: null, raw: {} },
};

/** A job whose one attempt is what `act` makes of it. */
function ready(act: (observer: ExecuteObserver, signal: AbortSignal) => Promise<Executed>): ReadyJob {
  return {
    name: 'hello',
    digest: '1:00',
    link: 'hello.json',
    endpoint: 'ollama',
    endpoint_kind: 'ollama',
    model: 'm',
    warnings: ['options.timeout is 5 ms.'],
    results_dir: '/w/results',
    attempt: act,
    rehearse: () => Promise.reject(new Error('not in this test')),
  };
}

async function executed(
  act: (observer: ExecuteObserver, signal: AbortSignal) => Promise<Executed>,
  argv: readonly string[] = [],
  tty = false,
) {
  await using cli = await setup();
  await cli.file('jobs/hello.json', job('Say hello'));
  const asked: ExecuteOptions[] = [];
  const openJob = (options: ExecuteOptions) => {
    asked.push(options);
    return Promise.resolve({ ok: true as const, job: ready(act) });
  };
  const ran = await cli.run(['execute', 'jobs/hello.json', ...argv], { tty, deps: { openJob } });
  return { ...ran, asked, folder: cli.folder };
}

const answers: Parameters<typeof executed>[0] = (observer) => {
  observer.phase('calling');
  observer.log('info', 'attempt 1: calling ollama');
  observer.text('Hello');
  return Promise.resolve({ kind: 'answered', result: RESULT, file: '/elsewhere/1_hello.json' });
};

test('R4: the answer alone goes to stdout, as it came; everything else to stderr', async () => {
  const { code, stdout, stderr, asked, folder } = await executed(answers);
  expect([code, stdout]).toEqual([EXIT.ok, RESULT.result]);
  expect(stderr).toContain('options.timeout is 5 ms.\nseed is not supported here.\nhello answered in ');
  expect(stderr).toContain('3 tokens in and ? out');
  expect(stderr).not.toContain('calling ollama');
  expect(asked).toMatchObject([{ folder: `${folder}/jobs`, link: 'hello.json', allow_exec: false }]);
});

test('a terminal shows a line that changes and is gone at the end, and obeys nothing of the answer', async () => {
  const { stdout, stderr } = await executed(answers, [], true);
  expect(stdout).toBe('Hello \\x1b]0;pwned\\x07there\n');
  const drawn = stderr.split('\r\u001b[K');
  expect(drawn).toContainEqual(expect.stringMatching(/^hello by ollama:m: asking, /));
  expect(drawn.at(-1)).toMatch(/^seed is not supported here/);
});

test('the log of an attempt is shown with -v, and where it failed', async () => {
  expect((await executed(answers, ['-v'])).stderr).toContain('attempt 1: calling ollama');
  const { code, stdout, stderr } = await executed((observer) => {
    observer.log('stderr', 'no such column: id\u001b[2J');
    return Promise.resolve({
      kind: 'failed',
      reason: { code: 'ScriptFailed', message: 'It exited with 1.' },
    });
  });
  expect([code, stdout]).toEqual([EXIT.job_failed, '']);
  expect(stderr).toContain(
    'stderr: no such column: id\\x1b[2J\nhello failed: ScriptFailed: It exited with 1.\n',
  );
});

test('what the log says already is not said again: a warning with -v, the end of an attempt that failed', async () => {
  const warned = await executed(
    (observer, signal) => {
      observer.log('info', 'warning: seed is not supported here.');
      return answers(observer, signal);
    },
    ['-v'],
  );
  expect(warned.stderr.match(/seed is not supported/g)).toHaveLength(1);
  const { stderr } = await executed((observer) => {
    observer.log('stderr', 'errored: ScriptFailed: so says the script itself');
    observer.log('info', 'errored after 12 ms: ScriptFailed: It exited with 1.');
    return Promise.resolve({
      kind: 'failed',
      reason: { code: 'ScriptFailed', message: 'It exited with 1.' },
    });
  });
  expect(stderr).toMatch(/\nstderr: errored: [^\n]+\nhello failed[^\n]+\n$/);
  expect(stderr.match(/It exited with 1/g)).toHaveLength(1);
});

test('an answer whose file could not be written is printed all the same, and said to be lost (exit 1)', async () => {
  const { code, stdout, stderr } = await executed(() =>
    Promise.resolve({ kind: 'unwritten', result: RESULT, trouble: 'ENOSPC: no space left' }),
  );
  expect([code, stdout]).toEqual([EXIT.error, RESULT.result]);
  expect(stderr).toContain('The answer is not kept: its file could not be written: ENOSPC: no space left');
});

test('Ctrl-C reaches the attempt, which ends the command (exit 130)', async () => {
  await using cli = await setup();
  await cli.file('jobs/hello.json', job('Say hello'));
  const act = (observer: ExecuteObserver, signal: AbortSignal): Promise<Executed> => {
    observer.notice('it runs');
    const { promise, resolve } = Promise.withResolvers<Executed>();
    signal.addEventListener('abort', () => resolve({ kind: 'stopped' }));
    return promise;
  };
  const openJob = () => Promise.resolve({ ok: true as const, job: ready(act) });
  const running = cli.start(['execute', 'jobs/hello.json'], { deps: { openJob } });
  await running.stderr.shows('it runs');
  running.interrupt();
  expect(await running.ended).toMatchObject({ code: EXIT.interrupted, stdout: '' });
});
