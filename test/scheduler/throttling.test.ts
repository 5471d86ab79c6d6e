/** What a platform is asked in all, when it throttles and when it fails: real instances, real gates, counted requests. */
import { afterEach, describe, expect, it } from 'vitest';
import type { AttemptFailure } from '../../src/core/attempt.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { Platform } from './platform.ts';
import { endpointOf, Stage, type StageOptions } from './stage.ts';

let stage: Stage;
let platform: Platform;
afterEach(async () => {
  await platform.close();
  await stage.close();
});

const MINUTE = 60_000;
const AT_A_TIME = 8;
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `job-${i}`);
const stateCount = (jobs: readonly string[], state: string): number =>
  stage.states(...jobs).filter((one) => one === state).length;

async function open(slots: number, options: StageOptions = {}): Promise<void> {
  stage = await Stage.open({ endpoints: [endpointOf('e', { max_concurrent: AT_A_TIME })], ...options });
  platform = new Platform(stage);
  await platform.instance('gpu-1', slots);
}

/** Time passes in small steps until it is so. */
async function until(what: string, isSo: () => boolean, patience_ms: number, step_ms = 1_000): Promise<void> {
  for (const end = stage.clock.monotonic() + patience_ms; !isSo(); await stage.clock.advance(step_ms))
    if (stage.clock.monotonic() > end) throw new Error(`waited ${patience_ms} ms for ${what}`);
}

const throttled = (retry_after_ms: number | null): AttemptFailure => ({
  blame: 'throttled',
  reason_code: 'EndpointThrottled',
  message: '429 Too Many Requests',
  scope: 'endpoint',
  retry_after_ms,
});
const broken = (message: string): AttemptFailure => ({
  blame: 'transient',
  reason_code: 'ProviderError',
  message,
  scope: 'endpoint',
  retry_after_ms: null,
});

describe('a platform that allows twenty requests a minute', () => {
  /** The rest of a minute in which twenty were answered. */
  function twentyAMinute(): void {
    const answered: number[] = [];
    platform.refuse = () => {
      const now = stage.clock.monotonic();
      const left_ms = MINUTE - (now % MINUTE);
      if (answered.filter((at) => at >= now - (now % MINUTE)).length >= 20) return throttled(left_ms);
      answered.push(now);
      return null;
    };
  }

  it('G13: is asked nothing while it wants patience, and each wait costs at most what was under way: no attempt is burnt', async () => {
    await open(64);
    twentyAMinute();
    const jobs = names(100);
    await stage.submit(...jobs);
    await until('every answer', () => stateCount(jobs, 'completed') === jobs.length, 10 * MINUTE);
    expect(platform.answered).toBe(jobs.length);
    const closings = new Set(platform.refused.map(({ at }) => Math.floor(at / MINUTE)));
    expect(closings.size).toBeGreaterThanOrEqual(3);
    expect(platform.requests.length).toBeLessThanOrEqual(jobs.length + closings.size * AT_A_TIME);
    for (const minute of closings) {
      const first = platform.refused.find(({ at }) => Math.floor(at / MINUTE) === minute)!.at;
      // What was sent before the first refusal came back may still be refused; nothing later may be sent.
      const late = platform.requests.filter(({ at }) => at > first + 500 && at < (minute + 1) * MINUTE);
      expect(late).toEqual([]);
    }
    const charges = jobs.flatMap((name) => stage.attempts(name).map((one) => one.charged_for ?? 'free'));
    expect(new Set(charges)).toEqual(new Set(['free', 'rate_limited']));
    expect(jobs.filter((name) => stage.run(name).errors > 0)).toEqual([]);
  });

  it('G13: that names no time is asked one request a probe, ever more rarely', async () => {
    await open(64);
    const mended = 40 * MINUTE;
    platform.refuse = () => (stage.clock.monotonic() < mended ? throttled(null) : null);
    const jobs = names(50);
    await stage.submit(...jobs);
    await until(
      'every answer',
      () => stateCount(jobs, 'completed') === jobs.length,
      mended + 60 * MINUTE,
      10_000,
    );
    // The wave that met it, then probes that double their distance up to the longest.
    const probes = 10 + mended / (LIMITS.hold_probe_max_ms / 2);
    expect(platform.refused.length).toBeLessThanOrEqual(AT_A_TIME + probes);
    const gaps = platform.refused.slice(-4).map(({ at }, i, all) => at - (all[i - 1]?.at ?? at));
    expect(Math.min(...gaps.slice(1))).toBeGreaterThanOrEqual(LIMITS.hold_probe_max_ms / 2);
    expect(jobs.filter((name) => stage.run(name).errors > 0)).toEqual([]);
  });

  it('G13: that throttled before a restart meets one request after it, not a wave', async () => {
    await open(64);
    platform.refuse = () => throttled(30 * MINUTE);
    const jobs = names(40);
    await stage.submit(...jobs);
    await stage.clock.advance(5_000);
    expect(platform.requests.length).toBeLessThanOrEqual(AT_A_TIME);
    for (let restarts = 1; restarts <= 3; restarts += 1) {
      const before = platform.requests.length;
      await stage.restart();
      await stage.clock.advance(20_000);
      expect(platform.requests.length - before).toBe(1);
    }
    platform.refuse = () => null;
    await until('every answer', () => stateCount(jobs, 'completed') === jobs.length, 40 * MINUTE);
  });
});

describe('a platform that fails every request', () => {
  it('G13: is asked at most max_attempts times for a job', async () => {
    await open(64);
    let nth = 0;
    const letters = (n: number): string => String.fromCharCode(97 + (n % 26));
    platform.refuse = () => broken(`it broke: ${letters((nth += 1))}${letters(Math.floor(nth / 26))}`);
    const jobs = names(30);
    await stage.submit(...jobs);
    await until('every end', () => stateCount(jobs, 'failed') === jobs.length, 60 * MINUTE);
    expect(platform.requests.length).toBe(jobs.length * LIMITS.max_attempts);
    expect(new Set(jobs.map((name) => stage.run(name).reason_code))).toEqual(new Set(['AttemptsExhausted']));
  });

  it('R20: is asked three times for a job where the error is always the same', async () => {
    await open(64);
    platform.refuse = (text) => broken(`it broke for ${text.length} on port 4711`);
    const jobs = names(30);
    await stage.submit(...jobs);
    await until('every end', () => stateCount(jobs, 'failed') === jobs.length, 60 * MINUTE);
    expect(platform.requests.length).toBe(jobs.length * LIMITS.identical_errors_max);
    expect(new Set(jobs.map((name) => stage.run(name).reason_code))).toEqual(new Set(['IdenticalErrors']));
  });

  it('R20: is not asked again before the time that it named, and does not name more than the clamp', async () => {
    await open(64);
    platform.refuse = () => ({ ...broken('come back later'), retry_after_ms: 10 * MINUTE });
    await stage.submit('a');
    await stage.clock.advance(10 * MINUTE - 1_000);
    expect(platform.requests).toHaveLength(1);
    await stage.clock.advance(2_000);
    expect(platform.requests).toHaveLength(2);
    platform.refuse = () => ({ ...broken('come back much later'), retry_after_ms: 365 * 86_400_000 });
    await stage.submit('b');
    await stage.clock.advance(LIMITS.retry_after_max_ms + 2_000);
    expect(platform.requests.filter(({ text }) => text === 'b').length).toBe(2);
  });
});

describe('max_concurrent', () => {
  it('G11: is not exceeded over restarts of the scheduler, while what runs goes on', async () => {
    await open(64);
    await platform.instance('gpu-2', 64);
    platform.answer_ms = 7_000;
    const jobs = names(60);
    await stage.submit(...jobs);
    for (let restarts = 0; restarts < 5; restarts += 1) {
      await stage.clock.advance(5_000);
      expect(platform.open).toBe(AT_A_TIME);
      await stage.restart();
    }
    await until('every answer', () => stateCount(jobs, 'completed') === jobs.length, 20 * MINUTE);
    expect(platform.open_max).toBe(AT_A_TIME);
    expect(platform.requests.length).toBe(jobs.length);
  });

  it('G11: nor are the slots of an instance, which has them taken when it comes back', async () => {
    await open(3);
    platform.answer_ms = 20_000;
    await stage.submit(...names(10));
    expect(platform.open).toBe(3);
    for (let restarts = 0; restarts < 3; restarts += 1) {
      await stage.restart();
      await stage.clock.advance(1_000);
      expect(stateCount(names(10), 'running')).toBe(3);
    }
    expect(platform.requests.length).toBe(3);
  });
});
