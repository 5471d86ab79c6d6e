import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SeededRandom } from '../support/seeded-random.ts';

describe('the clock of the machine', () => {
  it('tells wall time, and a time that never goes back', () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_000);
    const first = systemClock.monotonic();
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(first);
  });
});

describe('timers of the machine', () => {
  const cancels: (() => void)[] = [];
  afterEach(() => {
    for (const cancel of cancels.splice(0)) cancel();
  });

  it('fire once, and not after a cancel', async () => {
    let fired = 0;
    const cancelled = systemTimers.after(0, () => (fired += 10));
    cancelled.cancel();
    cancelled.cancel();
    await new Promise<void>((resolve) => {
      const timer = systemTimers.after(1, () => {
        fired += 1;
        timer.cancel();
        resolve();
      });
    });
    await new Promise<void>((resolve) => systemTimers.soon(resolve));
    expect(fired).toBe(1);
  });

  it('let be heard first what had come by then, and what that cancels does not fire', async () => {
    const heard: string[] = [];
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [peer] = (await once(server, 'connection')) as [Socket];
    cancels.push(() => {
      socket.destroy();
      server.close();
    });
    socket.on('data', () => {
      heard.push('data');
      silence.cancel();
    });
    await once(socket, 'connect');
    const end = Promise.withResolvers<void>();
    peer.write('yes');
    const silence = systemTimers.after(1, () => heard.push('silence'));
    systemTimers.after(1, () => {
      heard.push('end');
      end.resolve();
    });
    const until = performance.now() + 20;
    while (performance.now() < until);
    await end.promise;
    expect(heard).toEqual(['data', 'end']);
  });

  it('refuse a delay that Node would turn into none', () => {
    for (const ms of [-1, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => systemTimers.after(ms, () => undefined)).toThrow(/expected 0 to 2147483647 ms/);
    }
  });

  it('keep the process running only where they are to', () => {
    const handles = (): number =>
      process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = handles();
    cancels.push(systemTimers.after(60_000, () => undefined, false).cancel);
    expect(handles()).toBe(before);
    cancels.push(systemTimers.after(60_000, () => undefined).cancel);
    expect(handles()).toBe(before + 1);
  });
});

describe('chance of the machine', () => {
  it('lies in [0, 1) and differs each time', () => {
    const numbers = Array.from({ length: 1_000 }, () => systemRandom.next());
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new Set(numbers).size).toBe(1_000);
    const mean = numbers.reduce((sum, number) => sum + number, 0) / 1_000;
    expect(mean).toBeGreaterThan(0.4);
    expect(mean).toBeLessThan(0.6);
  });

  it('makes ids of as many bytes as asked', () => {
    expect(systemRandom.id(16)).toMatch(/^[0-9a-f]{32}$/);
    expect(systemRandom.id(16)).not.toBe(systemRandom.id(16));
  });
});

describe('time moved by hand', () => {
  it('fires by due time, then by order, and stops at each on the way', async () => {
    const clock = new FakeClock();
    const seen: string[] = [];
    const note = (what: string) => () => seen.push(`${what}@${clock.monotonic()}`);
    clock.after(20, note('b'));
    clock.after(10, note('a'));
    clock.after(20, note('c'));
    clock.after(10, () => clock.after(5, note('inner')));
    clock.soon(note('soon'));
    clock.after(21, note('late'));
    await clock.advance(20);
    expect(seen).toEqual(['soon@0', 'a@10', 'inner@15', 'b@20', 'c@20']);
    expect(clock.waiting).toBe(1);
  });

  it('lets promises go on between two timers', async () => {
    const clock = new FakeClock();
    const seen: string[] = [];
    clock.after(1, () => void Promise.resolve().then(() => seen.push('promise')));
    clock.after(1, () => seen.push('timer'));
    await clock.advance(1);
    expect(seen).toEqual(['promise', 'timer']);
  });

  it('keeps durations when the wall clock jumps', async () => {
    const clock = new FakeClock();
    const before = clock.now();
    clock.jumpWall(-3_600_000);
    await clock.advance(10);
    expect(clock.now()).toBe(before - 3_600_000 + 10);
    expect(clock.monotonic()).toBe(10);
  });
});

describe('chance from a seed', () => {
  it('is the same for the same seed and another for another', () => {
    const draw = (seed: number): number[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 20 }, () => random.next());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(7).every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new SeededRandom(1).id(8)).toMatch(/^[0-9a-f]{16}$/);
  });
});
