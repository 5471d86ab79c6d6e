// One program to its end: with children that a test plays where time and order are the point, with real ones for the rest.
import { describe, expect, it } from 'vitest';
import type { AttemptFailure } from '../../src/core/attempt.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { ProviderError } from '../../src/core/ports/provider.ts';
import { Interrupted } from '../../src/executor/interrupted.ts';
import { Programs, type Program } from '../../src/executor/programs.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { FakeChildren } from '../support/fake-children.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/until.ts';
import { watched } from './attempts.ts';
import { fixture, PATH } from './child-processes.ts';
import { realChildren } from './real-children.ts';

const newChildren = realChildren();

function programOf(more: Partial<Program> = {}): Program {
  return {
    name: 'prompts/make.py',
    argv: ['/w/prompts/make.py'],
    cwd: null,
    stdin: Buffer.from('in'),
    time_limit_ms: 1_000,
    output_bytes_max: 100,
    ...more,
  };
}

/** Resolves with what is wrong with it. */
async function failureOf(running: Promise<unknown>): Promise<AttemptFailure> {
  const error: unknown = await running.then(
    () => 'it succeeded',
    (reason: unknown) => reason,
  );
  if (!(error instanceof ProviderError)) throw new Error(`no ProviderError: ${String(error)}`);
  return error.failure;
}

function setup() {
  const clock = new FakeClock();
  const children = new FakeChildren();
  const programs = new Programs({ children, timers: clock, env: { PATH: '/bin', LANG: 'C' } });
  const seen = watched();
  const controller = new AbortController();
  const run = async (more: Partial<Program> = {}) =>
    programs.run(programOf(more), { observer: seen.observer, signal: controller.signal });
  return { clock, children, programs, seen, controller, run };
}

function realSetup() {
  const programs = new Programs({ children: newChildren(), timers: systemTimers, env: { PATH } });
  const seen = watched();
  const controller = new AbortController();
  const run = async (script: string, more: Partial<Program> = {}) =>
    programs.run(
      programOf({
        name: script,
        argv: [fixture(script)],
        time_limit_ms: 60_000,
        output_bytes_max: 1_000_000,
        ...more,
      }),
      { observer: seen.observer, signal: controller.signal },
    );
  return { seen, controller, run };
}

describe('a program', () => {
  it('R3: gets its bytes, then the end of stdin, in an environment that is said for it', async () => {
    const { children, run, clock } = setup();
    const running = run({ env: { LANG: 'de', JOB: '7' } });
    const { last } = children;
    expect([last.stdin, last.stdin_closed]).toEqual(['in', true]);
    expect(last.spec).toEqual({
      argv: ['/w/prompts/make.py'],
      env: { PATH: '/bin', LANG: 'de', JOB: '7' },
      cwd: null,
      output_bytes_max: 100,
    });
    last.prints('one ');
    last.prints(Buffer.from('two'));
    last.exit();
    expect(Buffer.from((await running).stdout).toString()).toBe('one two');
    expect(clock.waiting).toBe(0);
  });

  it('R15: is told of with its pid as long as it runs', async () => {
    const { children, run, seen } = setup();
    const running = run();
    children.last.start(4_711);
    expect(seen.processes).toEqual(['4711 runs']);
    children.last.exit();
    await running;
    expect(seen.processes).toEqual(['4711 runs', '4711 is_gone']);

    const failing = failureOf(run());
    children.last.end({ kind: 'not_started', code: 'ENOENT', message: 'no such file' });
    await failing;
    expect(seen.processes).toHaveLength(2);
  });

  it('R24: says on stderr what the log of the attempt tells, line by line', async () => {
    const { children, run, seen } = setup();
    const running = run();
    const { last } = children;
    last.says('o');
    last.says('ne\n\ntw');
    // A character in two halves, and a control character, which is the reader's to show or not.
    last.says(Buffer.from([0x6f, 0xc3]));
    last.says(Buffer.from([0xa9, 0x1b, 0x0a]));
    last.says('no end');
    last.exit();
    await running;
    expect(seen.log).toEqual(['stderr: one', 'stderr: ', 'stderr: twoé\u001b', 'stderr: no end']);
  });

  it('G16: says lines on stderr as long as it likes, of which the beginning is kept', async () => {
    const { seen, run } = realSetup();
    await run('flood-stderr.sh');
    expect(seen.log).toHaveLength(2);
    expect(seen.log[0]).toBe(`stderr: ${'x'.repeat(8_000)}…`);
    expect(seen.log[1]).toBe('stderr: last');
  });

  it('G16: says on stderr more than a log takes, which nobody reads line by line', async () => {
    const { children, run, seen } = setup();
    const running = failureOf(run());
    const lines = `${'y'.repeat(1_023)}\n`.repeat(LIMITS.log_bytes_max / 8_192);
    for (let said = 0; said < 12; said += 1) children.last.says(lines);
    children.last.says('the end');
    children.last.exit(1);
    expect((await running).message).toMatch(/: the end$/);
    expect(seen.log.length).toBe(LIMITS.log_bytes_max / 1_024);
  });

  it('does not begin where the attempt has ended', async () => {
    const { children, controller, run } = setup();
    controller.abort('cancelled');
    await expect(run()).rejects.toBe('cancelled');
    expect(children.spawned).toEqual([]);
  });
});

describe('R17: its limit of time', () => {
  it('ends it, politely first, and blames it once it is gone', async () => {
    const { clock, children, run } = setup();
    const running = failureOf(run({ time_limit_ms: 1_000 }));
    children.last.dies = false;
    await clock.advance(999);
    expect(children.last.kills).toEqual([]);
    await clock.advance(1);
    expect(children.last.kills).toHaveLength(1);
    // Both ends lie within what a provider is given to let go.
    expect(children.last.kills[0]).toBeGreaterThan(0);
    expect(children.last.kills[0]).toBeLessThan(LIMITS.cancel_grace_ms / 2);
    // However it takes it: it is late.
    children.last.exit(0);
    expect(await running).toMatchObject({
      blame: 'transient',
      reason_code: 'ScriptTimeout',
      message: 'prompts/make.py: not done after 1000 ms; it was ended.',
    });
  });

  it('does not outlive it', async () => {
    const { clock, children, run } = setup();
    const running = run();
    children.last.exit();
    await running;
    expect(clock.waiting).toBe(0);
  });
});

describe('an abort', () => {
  it('G12: ends it, and its reason is what is said, whatever the program makes of it', async () => {
    for (const end of [
      { kind: 'exited', code: 1 },
      { kind: 'killed', signal: 'SIGTERM' },
      { kind: 'guard_lost' },
    ] as const) {
      const { children, controller, run, clock } = setup();
      const running = run();
      children.last.dies = false;
      controller.abort('interrupted');
      expect(children.last.kills).toHaveLength(1);
      children.last.end(end);
      await expect(running).rejects.toBe('interrupted');
      expect(clock.waiting).toBe(0);
    }
  });

  it('G12: is over when the program is gone, however stubborn', async () => {
    const { seen, controller, run } = realSetup();
    const running = run('stubborn.sh');
    await until('the script', () => seen.log.includes('stderr: ready'));
    controller.abort('cancelled');
    await expect(running).rejects.toBe('cancelled');
  });
});

describe('a program that somebody else kills', () => {
  it('has failed', async () => {
    const { run } = realSetup();
    expect(await failureOf(run('kills-itself.sh'))).toMatchObject({
      blame: 'transient',
      reason_code: 'ScriptFailed',
      message: 'kills-itself.sh: it was ended by SIGKILL, and not by promptd; it said nothing on stderr.',
    });
  });

  it.each([
    ['nothing', ''],
    ['a part of it', 'The answer is'],
    ['all of it', 'The answer is 42.\n'],
  ])('F24, F25, F26: has failed though it had printed %s', async (_what, printed) => {
    const { children, run } = setup();
    const running = failureOf(run());
    if (printed !== '') children.last.prints(printed);
    children.last.end({ kind: 'killed', signal: 'SIGSEGV' });
    expect(await running).toMatchObject({ blame: 'transient', reason_code: 'ScriptFailed' });
  });

  it('G18: was interrupted where its instance is ending', async () => {
    const { children, programs, run } = setup();
    programs.drain();
    const running = run();
    children.last.end({ kind: 'killed', signal: 'SIGTERM' });
    await expect(running).rejects.toBeInstanceOf(Interrupted);
  });

  it('G18: was interrupted where its instance hears of its end a moment later', async () => {
    const { children, programs, run, clock } = setup();
    const running = run();
    children.last.end({ kind: 'guard_lost' });
    await clock.advance(100);
    programs.drain();
    await expect(running).rejects.toBeInstanceOf(Interrupted);
    expect(clock.waiting).toBe(0);
  });

  it('G18: gives the reason of an abort that comes a moment later', async () => {
    const { children, controller, run, clock } = setup();
    const running = run();
    children.last.end({ kind: 'killed', signal: 'SIGTERM' });
    await clock.advance(100);
    controller.abort('lease_lost');
    await expect(running).rejects.toBe('lease_lost');
    expect(clock.waiting).toBe(0);
  });

  it('has failed at once where it fell by a fault of its own', async () => {
    const { children, run } = setup();
    const running = failureOf(run());
    children.last.says('boom\n');
    children.last.end({ kind: 'killed', signal: 'SIGSEGV' });
    expect((await running).message).toBe(
      'prompts/make.py: it was ended by SIGSEGV, and not by promptd: boom',
    );
  });

  it('has failed with its guard, and the next one runs', async () => {
    const { run } = realSetup();
    expect(await failureOf(run('kills-its-guard.sh'))).toMatchObject({
      blame: 'transient',
      reason_code: 'ScriptFailed',
    });
    const { stdout } = await run('echo.sh');
    expect(Buffer.from(stdout).toString()).toBe('in');
  });
});

describe('a program that fails', () => {
  it('says how, with its last words in one line, and without control characters', async () => {
    const { run, seen } = realSetup();
    expect(await failureOf(run('fails.sh'))).toEqual({
      blame: 'transient',
      reason_code: 'ScriptFailed',
      message: 'fails.sh: it exited with 3: column "year" is missing',
      scope: 'endpoint',
      retry_after_ms: null,
    });
    expect(seen.log[1]).toBe('stderr: \u001b[31mcolumn "year" is missing\u001b[0m');
  });

  it.each([
    ['Traceback (most recent call last):\n  File "x.py", line 4\nKeyError: \'topcs\'\n', "KeyError: 'topcs'"],
    [
      'x.mjs:2\nthrow new Error()\n\nTypeError: bad luck\n    at x.mjs:2:7\n\nNode.js v24.21.0\n',
      'TypeError: bad luck',
    ],
    ['sh: 3: jqq: not found\n', 'sh: 3: jqq: not found'],
  ])('says of a trace the line that tells: %j', async (trace, line) => {
    const { children, run } = setup();
    const running = failureOf(run());
    children.last.says(trace);
    children.last.exit(1);
    expect((await running).message.endsWith(`: it exited with 1: ${line}`)).toBe(true);
  });

  it('says no more than its last words', async () => {
    const { children, run } = setup();
    const running = failureOf(run());
    children.last.says(`${'a'.repeat(100_000)} the end`);
    children.last.exit(1);
    const { message } = await running;
    expect(message.length).toBeLessThan(600);
    expect(message).toMatch(/ the end$/);
  });

  it.each<[string, Partial<AttemptFailure>]>([
    ['flood.sh', { blame: 'job', reason_code: 'ScriptOutputTooLarge' }],
    ['not-executable.sh', { blame: 'job', reason_code: 'ScriptNotExecutable' }],
    ['no-first-line.sh', { blame: 'job', reason_code: 'ScriptNotExecutable' }],
    ['no-interpreter.sh', { blame: 'job', reason_code: 'ScriptNotExecutable' }],
    ['no-interpreter-on-path.py', { blame: 'job', reason_code: 'ScriptNotExecutable' }],
  ])('has a reason of its own, and its name but no path in it: %s', async (script, failure) => {
    const { run } = realSetup();
    const found = await failureOf(run(script));
    expect(found).toMatchObject(failure);
    expect(found.message.startsWith(`${script}: `)).toBe(true);
    expect(found.message).not.toContain(fixture(''));
  });

  it('is tried again where the machine had no room for it', async () => {
    const { children, run } = setup();
    const running = failureOf(run());
    children.last.end({ kind: 'not_started', code: 'EAGAIN', message: 'spawn EAGAIN' });
    expect(await running).toMatchObject({ blame: 'transient', reason_code: 'ScriptFailed' });
  });
});

it('R23: programs run beside each other, each with its own bytes', async () => {
  const { run } = realSetup();
  const words = Array.from({ length: 20 }, (_, index) => `word ${index}`);
  const said = await Promise.all(words.map(async (word) => run('echo.sh', { stdin: Buffer.from(word) })));
  expect(said.map(({ stdout }) => Buffer.from(stdout).toString())).toEqual(words);
});
