/** R15, R16, R17: the process of one attempt by itself, with the test in the place of its instance. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import type { AttemptOrder } from '../../src/core/attempt.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { FROM_ATTEMPT, type FromAttempt, type ToAttempt } from '../../src/executor/isolated-messages.ts';
import { encodeFrame, FrameDecoder } from '../../src/wire/frame.ts';
import { endpointOf, orderOf } from '../executor/attempts.ts';
import { track } from '../support/children.ts';
import { until } from '../support/until.ts';

const MAIN = fileURLToPath(new URL('../../src/app/attempt-child.ts', import.meta.url));
/** It answers one of these in a second, and so not before the end of a test. */
const SLOW = 1;

// Each starts a process, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 30_000 });

function start(env: Readonly<Record<string, string>> = {}) {
  const child = track(
    spawn(process.execPath, [MAIN], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } }),
  );
  const heard: FromAttempt[] = [];
  const decoder = new FrameDecoder(LIMITS.frame_bytes_max);
  let stderr = '';
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()));
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return {
    child,
    heard,
    ended,
    stderr: () => stderr,
    /** Reads what it says. */
    listen: () =>
      void child.stdout.on('data', (bytes: Buffer) =>
        decoder.push(bytes, (value) => heard.push(FROM_ATTEMPT.parse(value)) > 0),
      ),
    say: (message: ToAttempt) => void child.stdin.write(encodeFrame(message)),
    report: () => heard.find((one) => one.t === 'report')?.report,
    until: (t: FromAttempt['t']) => until(`a ${t}`, () => heard.some((one) => one.t === t)),
  };
}

/** Asks the simulator. */
function askFor(order: Partial<AttemptOrder> = {}, tokens_per_second = 0): ToAttempt {
  const endpoint = endpointOf({
    name: 'sim',
    kind: 'simulator',
    base_urls: [],
    settings: { tokens_per_second },
  });
  return {
    t: 'run',
    order: orderOf({ endpoint: 'sim', parameters: {}, ...order }),
    place: { endpoint, root: null, allow_exec: false, pass_env: [] },
  };
}

/** Runs a program, which the test plays. */
function programToRun(): ToAttempt {
  const endpoint = endpointOf({ name: 'shell', kind: 'command', base_urls: [] });
  return {
    t: 'run',
    order: orderOf({ type: 'command', endpoint: 'shell', argv: ['/bin/true'] }),
    place: { endpoint, root: tmpdir(), allow_exec: true, pass_env: [] },
  };
}

const textOf = (heard: readonly FromAttempt[]): string =>
  heard.flatMap((one) => (one.t === 'text' ? one.pieces : [])).join('');
const logOf = (heard: readonly FromAttempt[]): string[] =>
  heard.flatMap((one) => (one.t === 'log' ? [one.text] : []));

describe('the process of an attempt', () => {
  it('R16: says all of its answer before its outcome, and its outcome last', async () => {
    const { heard, listen, say, ended, report } = start();
    listen();
    say(askFor());
    expect(await ended).toBe(0);
    expect(heard.at(-1)?.t).toBe('report');
    expect(report()).toMatchObject({ name: 'faq-17', run: 2, attempt: 3, outcome: 'succeeded' });
    expect(textOf(heard)).toBe(report()?.answer?.text);
    expect(logOf(heard)).toEqual([
      expect.stringContaining('attempt 3: calling sim'),
      expect.stringContaining('answered after'),
      expect.stringContaining('warning: '),
    ]);
  });

  it('R16: lives until its outcome has been read, though that is larger than a pipe and read late', async () => {
    const { child, listen, say, ended, report } = start();
    const response_schema = { type: 'string', const: 'x'.repeat(3_000_000) };
    say(askFor({ parameters: { response_schema } }));
    await once(child.stdout, 'readable');
    listen();
    expect(await ended).toBe(0);
    expect(report()?.answer?.text.length).toBeGreaterThan(3_000_000);
  });

  it('R17: ends its attempt at its own time limit, without a word from its instance', async () => {
    const { listen, say, ended, report } = start();
    listen();
    say(askFor({ attempt_timeout_ms: 100, first_token_timeout_ms: 60_000 }, SLOW));
    expect(await ended).toBe(0);
    expect(report()).toMatchObject({ outcome: 'timed_out', failure: { reason_code: 'TotalTimeout' } });
  });

  it('R17: ends its attempt when it is told to, and says why it ended', async () => {
    const { listen, say, ended, report, until: heardOf } = start();
    listen();
    say(askFor({ attempt_timeout_ms: 60_000 }, SLOW));
    await heardOf('log');
    say({ t: 'abort', reason: 'cancelled' });
    expect(await ended).toBe(0);
    expect(report()).toMatchObject({ outcome: 'cancelled', failure: null });
  });

  it('R17: ends when nobody is there any more who could hear it', async () => {
    const { child, listen, say, ended, report, until: heardOf } = start();
    listen();
    say(askFor({ attempt_timeout_ms: 60_000 }, SLOW));
    await heardOf('log');
    child.stdin.end();
    expect(await ended).toBe(1);
    expect(report()).toBe(undefined);
  });

  it('does not heed signals that are meant for its instance', async () => {
    const { child, listen, say, ended, report, until: heardOf } = start();
    listen();
    say(askFor({ attempt_timeout_ms: 60_000 }, 100));
    await heardOf('log');
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) child.kill(signal);
    expect(await ended).toBe(0);
    expect(report()?.outcome).toBe('succeeded');
  });

  it('R16: is understood, whatever else is printed in it', async () => {
    const prints = "setInterval(() => console.log('a library that prints'), 1).unref()";
    const { listen, say, ended, report, stderr } = start({
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(prints)}`,
    });
    listen();
    say(askFor({}, 100));
    expect(await ended).toBe(0);
    expect(report()?.outcome).toBe('succeeded');
    expect(stderr()).toContain('a library that prints');
  });

  it('R15: asks its instance for programs, and answers with all that they print', async () => {
    const { heard, listen, say, ended, report, until: heardOf } = start();
    listen();
    say(programToRun());
    await heardOf('close_stdin');
    const [wish] = heard.flatMap((one) => (one.t === 'spawn' ? [one] : []));
    expect(wish?.spec.argv).toEqual(['/bin/true']);
    const id = wish?.id ?? 0;
    say({ t: 'started', id, pid: 4_711 });
    for (let i = 0; i < 1_000; i += 1) say({ t: 'stdout', id, bytes: Buffer.from(`${i}\n`) });
    say({ t: 'ended', id, end: { kind: 'exited', code: 0 } });
    expect(await ended).toBe(0);
    expect(report()?.answer?.text).toBe(Array.from({ length: 1_000 }, (_, i) => `${i}\n`).join(''));
  });

  it('R16: takes nothing for an answer of which it is not said that the program exited', async () => {
    const { listen, say, ended, report, until: heardOf } = start();
    listen();
    say(programToRun());
    await heardOf('close_stdin');
    say({ t: 'stdout', id: 1, bytes: Buffer.from('all of it') });
    say({ t: 'ended', id: 1, end: { kind: 'guard_lost' } });
    expect(await ended).toBe(0);
    expect(report()).toMatchObject({ outcome: 'errored', answer: null });
  });

  it('says all of its log, up to what a log may hold', async () => {
    const { heard, listen, say, ended, until: heardOf } = start();
    listen();
    say(programToRun());
    await heardOf('close_stdin');
    const line = `${'x'.repeat(7_999)}\n`;
    for (let i = 0; i < 100; i += 1) say({ t: 'stderr', id: 1, bytes: Buffer.from(line.repeat(12)) });
    say({ t: 'ended', id: 1, end: { kind: 'exited', code: 0 } });
    expect(await ended).toBe(0);
    const said = logOf(heard).filter((text) => text === line.trimEnd()).length * 8_000;
    expect(said).toBeGreaterThan(LIMITS.log_bytes_max - 100_000);
    expect(said).toBeLessThan(LIMITS.log_bytes_max + 100_000);
  });
});
