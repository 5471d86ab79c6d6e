// Ids and the attempts that wait for them, with time and processes that a test plays by hand.
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AttemptObserver } from '../../src/core/attempt.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { ProviderAnswer } from '../../src/core/ports/provider.ts';
import { AiPackageProvider } from '../../src/packages/ai-package-provider.ts';
import type { CallLine, CallOutcome } from '../../src/packages/protocol.ts';
import { FakeChildren, type FakeChild } from '../support/fake-children.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { callOf, endpointOf, failureOf, neverAborted } from '../providers/calls.ts';

/** What a function of the package gives; undefined: it does not return. */
type Play = (call: CallLine, child: FakeChild) => CallOutcome | undefined;

const code = (value: number): CallOutcome => ({ kind: 'code', code: value });

/** A package that takes a job when it is free, and has its answer at the second look. */
function wellBehaved(): Play {
  const looks = new Map<number, number>();
  return ({ call, instance, job }) => {
    if (call === 'submit_job') looks.set(instance, 0);
    if (call === 'submit_job') return code(job === undefined ? -1 : 0);
    const seen = looks.get(instance);
    if (call === 'retrieve_job') {
      looks.delete(instance);
      return { kind: 'text', text: `by ${instance}` };
    }
    if (seen === undefined) return code(0);
    looks.set(instance, seen + 1);
    return code(seen === 0 ? -1 : 1);
  };
}

interface Stage {
  readonly clock: FakeClock;
  readonly children: FakeChildren;
  /** `<instance> <call>`, of all processes in order. */
  readonly calls: string[];
  ask(signal?: AbortSignal): {
    readonly answer: Promise<ProviderAnswer>;
    readonly log: string[];
    readonly processes: string[];
  };
  close(): Promise<void>;
}

interface Staged {
  readonly play?: Play;
  readonly settings?: JsonObject;
  /** Whether a process says that it is ready. */
  readonly loads?: (index: number) => boolean;
}

function stage({ play = wellBehaved(), settings = {}, loads = () => true }: Staged = {}): Stage {
  const clock = new FakeClock();
  const calls: string[] = [];
  const children = new FakeChildren((child) => {
    if (!loads(children.spawned.indexOf(child))) return;
    answering(child, play, calls);
    child.start(4_711 + children.spawned.indexOf(child));
    child.prints('{"ready":true}\n');
  });
  const provider = new AiPackageProvider({
    children,
    clock,
    timers: clock,
    env: {},
    unlessInterrupted: async (end) => {
      if (end.kind === 'killed' && end.signal === 'SIGTERM') throw new Error('ended with its instance');
      return Promise.resolve();
    },
  });
  const close = async (): Promise<void> => provider.close();
  onTestFinished(async () => {
    await close();
    expect(clock.waiting).toBe(0);
  });
  const endpoint = endpointOf('ai-package', {
    name: 'desk',
    settings: { module: '/desk.py', instances: 1, poll_ms: 1_000, shared: false, ...settings },
  });
  return {
    clock,
    children,
    calls,
    close,
    ask: (signal = neverAborted()) => {
      const log: string[] = [];
      const processes: string[] = [];
      const observer: AttemptObserver = {
        phase: (phase) => log.push(`phase: ${phase}`),
        text: () => undefined,
        log: (stream, text) => log.push(`${stream}: ${text}`),
        process: (pid, now) => processes.push(`${pid} ${now}`),
      };
      const answer = provider.call(callOf('ai-package', '', { endpoint }), observer, signal);
      answer.catch(() => undefined);
      return { answer, log, processes };
    },
  };
}

/** Answers each call as soon as it is written. */
function answering(child: FakeChild, play: Play, calls: string[]): void {
  let read = child.stdin.length;
  const write = child.write.bind(child);
  child.write = (bytes) => {
    write(bytes);
    const lines = child.stdin.slice(read).split('\n').slice(0, -1);
    read = child.stdin.length;
    for (const text of lines) {
      const line = JSON.parse(text) as CallLine;
      calls.push(`${line.instance} ${line.call}`);
      const outcome = play(line, child);
      if (outcome === undefined) continue;
      queueMicrotask(() => child.prints(`${JSON.stringify({ reply: line.id, outcome })}\n`));
    }
  };
}

describe('the ids of an AI package', () => {
  it('R32: are looked at once a second and not waited for', async () => {
    const { clock, ask, calls } = stage();
    const asked = ask();
    await clock.advance(1_999);
    expect(calls).toEqual(['0 get_job_status', '0 submit_job', '0 get_job_status']);
    await clock.advance(1);
    expect((await asked.answer).text).toBe('by 0');
    // That it generates is its sign of life.
    expect(asked.log).toEqual(['info: submitted to id 0', 'phase: streaming']);
    expect(calls.slice(3)).toEqual(['0 get_job_status', '0 retrieve_job']);
  });

  it('R15: are told of with the pid of their process for as long as an attempt has them', async () => {
    const { clock, ask } = stage();
    const [first, second] = [ask(), ask()];
    await clock.advance(1_999);
    expect([first.processes, second.processes]).toEqual([['4711 runs'], []]);
    await clock.advance(10_000);
    expect([first.processes, second.processes]).toEqual([
      ['4711 runs', '4711 is_gone'],
      ['4711 runs', '4711 is_gone'],
    ]);
  });

  it('R28: have no process before a job needs it', async () => {
    const { clock, ask, children } = stage({ settings: { instances: 5 } });
    const first = ask();
    await clock.advance(10_000);
    await first.answer;
    expect(children.spawned).toHaveLength(1);
    const both = [ask(), ask()];
    await clock.advance(10_000);
    await Promise.all(both.map(({ answer }) => answer));
    expect(children.spawned).toHaveLength(2);
  });

  it('R28: an attempt waits for a free one, and says so in its log once a minute', async () => {
    let taken = false;
    const { clock, ask } = stage({
      play: ({ call }) => {
        if (call === 'submit_job') taken = true;
        return code(taken && call === 'get_job_status' ? -1 : 0);
      },
    });
    const controller = new AbortController();
    const working = ask(controller.signal);
    await clock.settle();
    const waiting = ask(controller.signal);
    await clock.advance(120_000);
    const line = 'info: waits for a free id: 0 at work';
    expect(waiting.log).toEqual([line, line]);
    controller.abort('TotalTimeout');
    await expect(waiting.answer).rejects.toBe('TotalTimeout');
    await expect(working.answer).rejects.toBe('TotalTimeout');
  });

  it('R29: one that is at work when its process starts gets nothing before it says 0', async () => {
    let isAtWork = true;
    const well = wellBehaved();
    const { clock, ask, calls, children } = stage({
      play: (line, child) => (isAtWork ? code(-1) : well(line, child)),
    });
    const asked = ask();
    await clock.advance(599_000);
    expect(new Set(calls)).toEqual(new Set(['0 get_job_status']));
    isAtWork = false;
    await clock.advance(5_000);
    expect((await asked.answer).text).toBe('by 0');
    expect(children.spawned).toHaveLength(1);
  });

  it('R29: one that is at work for ten minutes after its process started gets another process', async () => {
    const well = wellBehaved();
    const { clock, ask, children } = stage({
      play: (line, child) => (child === children.spawned[0] ? code(-1) : well(line, child)),
    });
    const asked = ask();
    await clock.advance(599_000);
    expect(children.spawned).toHaveLength(1);
    await clock.advance(10_000);
    expect((await asked.answer).text).toBe('by 0');
    expect(children.spawned).toHaveLength(2);
    expect(asked.log[0]).toContain('waits for a free id');
  });

  it('R29: in a shared process it keeps its process while another id has a job', async () => {
    let isStuck = false;
    const well = wellBehaved();
    const { clock, ask, children } = stage({
      settings: { instances: 2, shared: true },
      play: (line, child) => {
        if (line.call === 'submit_job' && line.instance === 0) isStuck = true;
        if (line.instance === 0) return code(isStuck && line.call === 'get_job_status' ? -1 : 0);
        // The other one works for a quarter of an hour.
        if (line.call === 'get_job_status' && clock.monotonic() > 0 && clock.monotonic() < 900_000)
          return code(-1);
        return well(line, child);
      },
    });
    const controller = new AbortController();
    const stuck = ask(controller.signal);
    const other = ask();
    await clock.advance(1_000);
    controller.abort('cancelled');
    await expect(stuck.answer).rejects.toBe('cancelled');
    await clock.advance(890_000);
    expect(children.last.kills).toEqual([]);
    await clock.advance(20_000);
    expect((await other.answer).text).toBe('by 1');
    expect(children.last.kills).toHaveLength(1);
  });

  it('R29: one that has a finished answer when its process starts gives it to nobody', async () => {
    let stale = true;
    const well = wellBehaved();
    const { clock, ask, calls } = stage({
      play: (line, child) => {
        if (!stale) return well(line, child);
        if (line.call === 'get_job_status') return code(1);
        stale = false;
        expect(line.bytes_max).toBe(0);
        return { kind: 'text', text: 'stale' };
      },
    });
    const asked = ask();
    await clock.advance(10_000);
    expect((await asked.answer).text).toBe('by 0');
    expect(calls.slice(0, 3)).toEqual(['0 get_job_status', '0 retrieve_job', '0 submit_job']);
    expect(asked.log[0]).toContain('put aside a finished answer');
  });

  it.each<[string, CallOutcome]>([
    ['nothing', { kind: 'none' }],
    ['an error', { kind: 'raised', message: 'ValueError: no paper', trace: '' }],
    ['what is no answer', { kind: 'nonsense', got: 'dict' }],
  ])(
    'R31: one that is done with another job and then gives %s is given to nobody',
    async (_what, outcome) => {
      let stale = true;
      const well = wellBehaved();
      const { clock, ask, calls } = stage({
        play: (line, child) => {
          if (!stale) return well(line, child);
          return line.call === 'get_job_status' ? code(1) : outcome;
        },
      });
      ask();
      await clock.advance(30_000);
      expect(new Set(calls)).toEqual(new Set(['0 get_job_status', '0 retrieve_job']));
      stale = false;
      const next = ask();
      await clock.advance(30_000);
      expect((await next.answer).text).toBe('by 0');
    },
  );

  it.each<[string, CallOutcome]>([
    ['an error', { kind: 'raised', message: 'ValueError: no paper', trace: '' }],
    ['a text', { kind: 'nonsense', got: 'str' }],
    ['5', code(5)],
  ])(
    'R29: one whose status is %s is given to nobody, and the attempt is told why',
    async (_what, outcome) => {
      let isBroken = true;
      const well = wellBehaved();
      const { clock, ask, calls } = stage({
        play: (line, child) => (isBroken ? outcome : well(line, child)),
      });
      const failure = failureOf(ask().answer);
      await clock.advance(30_000);
      expect((await failure).message).toContain('get_job_status');
      expect(new Set(calls)).toEqual(new Set(['0 get_job_status']));
      isBroken = false;
      const next = ask();
      await clock.advance(30_000);
      expect((await next.answer).text).toBe('by 0');
    },
  );

  it('R33: in a shared process a call that hangs ends the attempts of all, and says to the others why', async () => {
    const well = wellBehaved();
    let hangs = 0;
    const { clock, ask, children } = stage({
      settings: { instances: 2, shared: true },
      play: (line, child) => {
        if (line.call !== 'submit_job' || line.instance !== 1 || hangs > 0) return well(line, child);
        hangs += 1;
        return undefined;
      },
    });
    const first = ask();
    const second = ask();
    const [one, other] = [failureOf(first.answer), failureOf(second.answer)];
    await clock.advance(40_000);
    expect((await other).message).toContain('submit_job did not return within 30000 ms');
    expect((await one).message).toContain('since a call of another job hung in it');
    const again = [ask(), ask()];
    await clock.advance(10_000);
    const texts = await Promise.all(again.map(async ({ answer }) => (await answer).text));
    expect(texts.toSorted()).toEqual(['by 0', 'by 1']);
    expect(children.spawned).toHaveLength(2);
  });

  it('R33: a package that does not load in ten minutes ends the attempt that waits for it', async () => {
    const { clock, ask, children } = stage({ loads: (index) => index > 0 });
    const failure = failureOf(ask().answer);
    await clock.advance(600_000);
    expect((await failure).message).toContain('was not loaded within 600000 ms (package_start_timeout_ms)');
    const again = ask();
    await clock.advance(10_000);
    expect((await again.answer).text).toBe('by 0');
    expect(children.spawned).toHaveLength(2);
  });

  it('R33: one whose process cannot start does not end the attempts that others can serve, and is not tried again at once', async () => {
    const { clock, ask, children } = stage({
      settings: { instances: 2 },
      loads: (index) => index === 0,
    });
    const asked = [ask(), ask(), ask()];
    await clock.settle();
    expect(children.spawned).toHaveLength(2);
    children.last.says('no memory');
    children.last.exit(1);
    await clock.settle();
    expect(children.spawned).toHaveLength(2);
    await clock.advance(20_000);
    await Promise.all(asked.map(({ answer }) => answer));
    // Once more while two were waiting, a second later.
    expect(children.spawned).toHaveLength(3);
  });

  it('R33: a process that writes into the line of its pool is replaced', async () => {
    const well = wellBehaved();
    let breaks = true;
    const { clock, ask, children } = stage({
      play: (line, child) => {
        if (!breaks || line.call !== 'submit_job') return well(line, child);
        breaks = false;
        child.prints('hello, world\n');
        return code(0);
      },
    });
    const failure = failureOf(ask().answer);
    await clock.advance(5_000);
    expect((await failure).message).toContain('said what is no line of its protocol (hello, world)');
    const again = ask();
    await clock.advance(10_000);
    expect((await again.answer).text).toBe('by 0');
    expect(children.spawned).toHaveLength(2);
  });

  it('R33: a process that answers a call that nobody made is replaced, and the answer reaches nobody', async () => {
    const well = wellBehaved();
    let isFirst = true;
    const { clock, ask, children } = stage({
      play: (line, child) => {
        if (!isFirst || line.call !== 'retrieve_job') return well(line, child);
        isFirst = false;
        const outcome = { kind: 'text', text: 'of another call' };
        child.prints(`${JSON.stringify({ reply: line.id + 1, outcome })}\n`);
        return undefined;
      },
    });
    const failure = failureOf(ask().answer);
    await clock.advance(5_000);
    expect((await failure).message).toContain('what is no line of its protocol (an answer to call');
    const again = ask();
    await clock.advance(10_000);
    expect((await again.answer).text).toBe('by 0');
    expect(children.spawned).toHaveLength(2);
  });

  it('R33: an answer in pieces, split within a letter, is one answer', async () => {
    const well = wellBehaved();
    const { clock, ask } = stage({
      play: (line, child) => {
        const outcome = well(line, child);
        if (line.call !== 'retrieve_job') return outcome;
        const text = JSON.stringify({ reply: line.id, outcome: { kind: 'text', text: 'grün 🌲' } });
        queueMicrotask(() => {
          for (const byte of Buffer.from(`${text}\n`)) child.prints(Uint8Array.of(byte));
        });
        return undefined;
      },
    });
    const asked = ask();
    await clock.advance(5_000);
    expect((await asked.answer).text).toBe('grün 🌲');
  });

  it('R33: an attempt hears at once of the death of its process, between two looks, too', async () => {
    const { clock, ask, children, calls } = stage();
    const failure = failureOf(ask().answer);
    await clock.advance(1_500);
    const said = calls.length;
    children.last.says('out of memory');
    children.last.exit(3);
    await clock.settle();
    expect((await failure).message).toBe(
      'desk: the process of the package exited with code 3; it said last: out of memory',
    );
    expect(calls).toHaveLength(said);
  });

  it('R33: a process that is ended together with its instance is no failure of the package', async () => {
    const { clock, ask, children } = stage();
    const ended = ask();
    await clock.settle();
    children.last.end({ kind: 'killed', signal: 'SIGTERM' });
    await expect(ended.answer).rejects.toThrow('ended with its instance');
    const failed = ask();
    await clock.settle();
    children.last.end({ kind: 'killed', signal: 'SIGSEGV' });
    expect((await failureOf(failed.answer)).message).toContain('was killed by SIGSEGV');
  });

  it('ends its processes and the attempts that wait when the instance stops', async () => {
    const { clock, ask, children, close } = stage({ loads: () => false });
    const failure = failureOf(ask().answer);
    await clock.settle();
    await close();
    expect(await failure).toMatchObject({ reason_code: 'PackageError' });
    expect(children.last.kills).toHaveLength(1);
    expect(await failureOf(ask().answer)).toMatchObject({ reason_code: 'PackageError' });
    expect(children.spawned).toHaveLength(1);
  });
});
