/** R15, R16, R17: an attempt in a process of its own, with a process that a test plays by hand. */
import { describe, expect, it } from 'vitest';
import type { AttemptObserver, AttemptOrder } from '../../src/core/attempt.ts';
import type { EndpointConfig, Isolation } from '../../src/core/endpoints.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { AttemptRunner } from '../../src/core/ports/runner.ts';
import type { FromAttempt, ToAttempt } from '../../src/executor/isolated-messages.ts';
import { IsolatedRunner } from '../../src/executor/isolated-runner.ts';
import { FrameDecoder, encodeFrame } from '../../src/wire/frame.ts';
import { FakeChildren, type FakeChild } from '../support/fake-children.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { endpointOf, orderOf } from './attempts.ts';

const KEY = 'sk-canary-88d1';
const TIMINGS = { queued_ms: null, build_ms: 1, first_token_ms: 2, call_ms: 3 };

const REPORT: Extract<FromAttempt, { t: 'report' }>['report'] = {
  name: 'faq-17',
  run: 2,
  attempt: 3,
  digest: '1:abc',
  outcome: 'errored',
  answer: null,
  failure: {
    blame: 'transient',
    reason_code: 'ProviderError',
    message: 'no',
    scope: 'endpoint',
    retry_after_ms: null,
  },
  timings: TIMINGS,
};

function setup(endpoint: Partial<EndpointConfig> = {}, isolation: Isolation = 'process') {
  const clock = new FakeClock();
  const children = new FakeChildren();
  const inline: string[] = [];
  const runner: AttemptRunner = {
    run: (order) =>
      Promise.resolve((inline.push(order.name), REPORT) as Awaited<ReturnType<AttemptRunner['run']>>),
  };
  const isolated = new IsolatedRunner({
    inline: runner,
    endpoints: new Map([['gpu', endpointOf({ base_urls: ['http://a', 'http://b'], ...endpoint })]]),
    isolation,
    place: { root: null, allow_exec: false, pass_env: [] },
    children,
    specOf: () => ({ argv: ['node', 'attempt'], env: {} }),
    clock,
    timers: clock,
    unlessInterrupted: () => Promise.resolve(),
    secrets: { keyOf: () => Promise.resolve(KEY) },
  });
  const start = (order: Partial<AttemptOrder> = {}) => {
    const heard: string[] = [];
    const observer: AttemptObserver = {
      phase: (phase) => void heard.push(phase),
      text: (piece) => void heard.push(`text ${piece}`),
      log: (stream, text) => void heard.push(`${stream} ${text}`),
      process: (pid, now) => void heard.push(`pid ${pid} ${now}`),
    };
    const abort = new AbortController();
    const report = isolated.run(orderOf(order), observer, abort.signal);
    return { heard, abort, report };
  };
  return { clock, children, inline, isolated, start };
}

/** What the process was told. */
function told(child: FakeChild): ToAttempt[] {
  const messages: ToAttempt[] = [];
  new FrameDecoder(LIMITS.frame_bytes_max).push(
    child.stdin_bytes,
    (value) => messages.push(value as ToAttempt) > 0,
  );
  return messages;
}

function says(child: FakeChild, ...messages: readonly FromAttempt[]): void {
  for (const message of messages) child.prints(encodeFrame(message));
}

describe('an attempt in a process of its own', () => {
  it('R15: is heard as if it ran here, byte by byte', async () => {
    const { children, start, inline } = setup();
    const { heard, report } = start();
    children.last.start(4_711);
    const frames: readonly FromAttempt[] = [
      { t: 'phase', phase: 'streaming' },
      { t: 'text', pieces: ['Some', 'thing'] },
      { t: 'log', stream: 'info', text: 'a line' },
      { t: 'report', report: REPORT },
    ];
    for (const frame of frames)
      for (const byte of encodeFrame(frame)) children.last.prints(Uint8Array.of(byte));
    expect(children.last.stdin_closed).toBe(true);
    children.last.exit(0);
    expect(await report).toEqual(REPORT);
    expect(heard).toEqual([
      'building',
      'pid 4711 runs',
      'streaming',
      'text Some',
      'text thing',
      'info a line',
    ]);
    expect(inline).toEqual([]);
  });

  it('R17: is told the order as it is, with its limits', async () => {
    const { children, start } = setup();
    start({ attempt_timeout_ms: 1_234, first_token_timeout_ms: 567, stall_timeout_ms: 89 });
    const limits = { attempt_timeout_ms: 1_234, first_token_timeout_ms: 567, stall_timeout_ms: 89 };
    expect(told(children.last)).toMatchObject([{ t: 'run', order: orderOf(limits) }]);
    await children.close();
  });

  it('R15: is not the process of another attempt', async () => {
    const { children, start } = setup();
    const [one, two] = [start({ name: 'one' }), start({ name: 'two' })];
    const [first, second] = children.spawned;
    says(second!, { t: 'report', report: { ...REPORT, name: 'two' } });
    second!.exit(0);
    expect((await two.report).name).toBe('two');
    expect([first!.is_over, first!.stdin_closed]).toEqual([false, false]);
    first!.exit(0);
    expect(await one.report).toMatchObject({ name: 'one', outcome: 'errored' });
  });

  it('is told the one server that it is to ask', async () => {
    const { children, start } = setup();
    start();
    start();
    const servers = children.spawned.map((child) => {
      const [first] = told(child);
      return first?.t === 'run' ? first.place.endpoint.base_urls : [];
    });
    expect(servers).toEqual([['http://a'], ['http://b']]);
    await children.close();
  });

  it.each<[string, Partial<EndpointConfig>, Isolation, boolean]>([
    ['the instance says process', {}, 'process', true],
    ['the instance says inline', {}, 'inline', false],
    ['the endpoint says process', { isolation: 'process' }, 'inline', true],
    ['the endpoint says inline', { isolation: 'inline' }, 'process', false],
    ['an AI package has processes of its own', { kind: 'ai-package' }, 'process', false],
  ])('runs where it is to: %s', async (_what, endpoint, isolation, isIsolated) => {
    const { children, inline, start } = setup(endpoint, isolation);
    const { report } = start();
    for (const child of children.spawned) child.exit(0);
    await report;
    expect([children.spawned.length, inline.length]).toEqual(isIsolated ? [1, 0] : [0, 1]);
  });

  it.each<[string, (child: FakeChild) => void, string]>([
    ['exits with 0 and says nothing', (child) => child.exit(0), 'exited with 0 and had told no outcome'],
    [
      'exits with 0 in the middle of its answer',
      (child) => (child.prints(encodeFrame({ t: 'report', report: REPORT }).subarray(0, -9)), child.exit(0)),
      'exited with 0 and had told no outcome',
    ],
    ['crashes', (child) => child.exit(7), 'exited with 7'],
    [
      'is killed',
      (child) => child.end({ kind: 'killed', signal: 'SIGKILL' }),
      'ended by SIGKILL, and not by promptd',
    ],
    [
      'loses its guard',
      (child) => child.end({ kind: 'guard_lost' }),
      'ended with the process that guards it',
    ],
    [
      'cannot be started',
      (child) => child.end({ kind: 'not_started', code: 'EAGAIN', message: 'no more processes' }),
      'could not be started: EAGAIN: no more processes',
    ],
    [
      'prints what is no frame',
      (child) => child.prints('Hello, I am a library that prints.\n'),
      'no message of an attempt',
    ],
    [
      'says what no attempt says',
      (child) => child.prints(encodeFrame({ t: 'report', report: { ...REPORT, outcome: 'splendid' } })),
      'no message of an attempt (report.outcome)',
    ],
    [
      'announces a frame without end',
      (child) => child.prints(Uint8Array.of(255, 255, 255, 255)),
      'a frame is too long',
    ],
  ])('R16: that %s is an error of this attempt', async (_what, play, message) => {
    const { children, start } = setup();
    const { report } = start();
    play(children.last);
    const { outcome, answer, failure } = await report;
    expect({ outcome, answer, blame: failure?.blame, code: failure?.reason_code }).toEqual({
      outcome: 'errored',
      answer: null,
      blame: 'transient',
      code: 'ProviderError',
    });
    expect(failure?.message).toContain(message);
    expect(children.last.is_over).toBe(true);
  });

  it('is shown with its last words, and its key is in none of them', async () => {
    const { children, start } = setup();
    const { report, heard } = start();
    children.last.says(`TypeError: no such thing\n    at ask (${KEY})\nwith ${KEY} in its hand\n`);
    children.last.exit(1);
    const { failure } = await report;
    expect(failure?.message).toContain('Its last words: with *** in its hand');
    expect(heard.join('\n')).toContain('at ask (***)');
    expect(JSON.stringify([failure, heard])).not.toContain(KEY);
  });

  it('R17: is ended within its limit and the grace, though it does not listen', async () => {
    const { clock, children, start } = setup();
    const { report } = start({ attempt_timeout_ms: 10_000 });
    children.last.dies = false;
    await clock.advance(6_000);
    // Whatever it says: its time runs from its beginning.
    says(children.last, { t: 'text', pieces: ['one', 'two'] });
    await clock.advance(4_000);
    expect(children.last.kills).toEqual([]);
    await clock.advance(LIMITS.cancel_grace_ms - 1);
    expect(children.last.kills).toEqual([LIMITS.cancel_grace_ms / 5]);
    children.last.end({ kind: 'killed', signal: 'SIGKILL' });
    const { outcome, failure } = await report;
    expect([outcome, failure?.reason_code]).toEqual(['timed_out', 'TotalTimeout']);
    expect(failure?.message).toContain('not done after 10000 ms (options.timeout); 2 tokens had come');
  });

  it('R17: is given up when not even its guard answers', async () => {
    const { clock, children, start } = setup();
    const { report, abort } = start();
    children.last.dies = false;
    abort.abort('cancelled');
    await clock.advance(LIMITS.cancel_grace_ms);
    expect((await report).outcome).toBe('cancelled');
    expect(children.last.kills).toEqual([LIMITS.cancel_grace_ms / 5, 0]);
  });

  it.each([
    ['cancelled', 'cancelled'],
    ['interrupted', 'interrupted'],
    ['lease_lost', 'cancelled'],
  ])('is told why it is aborted (%s), and what it says then counts', async (reason, outcome) => {
    const { clock, children, start } = setup();
    const silent = start();
    silent.abort.abort(reason);
    expect(told(children.last).map(({ t }) => t)).toEqual(['run', 'abort']);
    children.last.exit(0);
    expect((await silent.report).outcome).toBe(outcome);
    const telling = start();
    telling.abort.abort(reason);
    says(children.last, { t: 'report', report: REPORT });
    children.last.exit(0);
    expect((await telling.report).outcome).toBe('errored');
    expect(clock.waiting).toBe(0);
  });

  it('ends after its outcome, if need be by force', async () => {
    const { clock, children, start } = setup();
    const { report } = start();
    says(children.last, { t: 'report', report: REPORT });
    await clock.advance(1_000);
    expect(children.last.kills).toEqual([0]);
    expect(await report).toEqual(REPORT);
  });

  it('R16: is over when its process is gone, and not when it has told its outcome', async () => {
    const { clock, children, start } = setup();
    const { report } = start();
    let isOver = false;
    void report.finally(() => (isOver = true));
    says(children.last, { t: 'report', report: REPORT });
    await clock.settle();
    expect(isOver).toBe(false);
    children.last.exit(0);
    await clock.settle();
    expect(isOver).toBe(true);
  });

  it('R16: has the outcome that it has told, however its process and its guard end then', async () => {
    const { children, start } = setup();
    const { report } = start();
    says(children.last, { t: 'report', report: REPORT });
    children.last.end({ kind: 'guard_lost' });
    expect(await report).toEqual(REPORT);
  });

  it('R16: has one outcome, the first that it tells', async () => {
    const { children, start } = setup();
    const { report } = start();
    const frames = [REPORT, { ...REPORT, outcome: 'lost' as const }].map((one) =>
      encodeFrame({ t: 'report', report: one }),
    );
    children.last.prints(Buffer.concat(frames));
    children.last.exit(0);
    expect(await report).toEqual(REPORT);
  });

  it('G18: is told that its instance ends, so that what is killed then is interrupted', async () => {
    const { children, isolated, start } = setup();
    start();
    isolated.drain();
    expect(told(children.last).map(({ t }) => t)).toEqual(['run', 'drain']);
    await children.close();
  });

  it('has its programs beside it, and none outlives it', async () => {
    const { children, start } = setup();
    const { report } = start();
    const attempt = children.last;
    const spec = {
      argv: ['/bin/sh', 'x.sh'] as [string, string],
      env: { A: '1' },
      cwd: null,
      output_bytes_max: 100,
    };
    says(attempt, { t: 'spawn', id: 1, spec }, { t: 'write', id: 1, bytes: Buffer.from('in') });
    const program = children.last;
    expect([program.spec, program.stdin]).toEqual([spec, 'in']);
    program.start(12);
    program.prints('out');
    program.says('err');
    expect(told(attempt).slice(1)).toMatchObject([
      { t: 'started', id: 1, pid: 12 },
      { t: 'stdout', id: 1, bytes: Buffer.from('out') },
      { t: 'stderr', id: 1, bytes: Buffer.from('err') },
    ]);
    attempt.end({ kind: 'killed', signal: 'SIGKILL' });
    expect((await report).outcome).toBe('errored');
    expect(program.kills).toEqual([0]);
  });

  it('starts no more programs when it has been given up', async () => {
    const { clock, children, start } = setup();
    const { report, abort } = start();
    const attempt = children.last;
    attempt.dies = false;
    abort.abort('cancelled');
    await clock.advance(LIMITS.cancel_grace_ms);
    await report;
    says(attempt, {
      t: 'spawn',
      id: 1,
      spec: { argv: ['/bin/true'], env: {}, cwd: null, output_bytes_max: 1 },
    });
    expect(children.spawned).toEqual([attempt]);
  });
});
