import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { endpointOf, Stage } from './stage.ts';
import { TERM } from './terms.ts';

let stage: Stage;
afterEach(() => stage.close());

const named = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
const THROTTLED = {
  blame: 'throttled',
  reason_code: 'EndpointThrottled',
  message: '429 Too Many Requests',
} as const;
const HELD = { blame: 'hold', reason_code: 'EndpointAuth', message: '401 Unauthorized' } as const;

async function reasonOf(model = 'm'): Promise<string | undefined> {
  const lanes = await stage.now(stage.service.lanes());
  return lanes.find((lane) => lane.model === model)?.reason.code;
}

describe('a throttled endpoint', () => {
  it('G13: waits as long as it asked, then one goes first, then all; no attempt is burnt', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 3 });
    await stage.submit(...named('a', 6));
    for (const name of named('a', 3)) peer.fail(name, { ...THROTTLED, retry_after_ms: 30_000 });
    await stage.settle();
    expect(await reasonOf()).toBe('EndpointThrottled');
    expect((await stage.now(stage.service.status())).endpoints).toMatchObject([
      { gate: 'closed', reason: { code: 'EndpointThrottled' } },
    ]);
    await stage.live(29_500, [peer, []]);
    expect(peer.orders).toHaveLength(3);
    await stage.live(1_500, [peer, []]);
    expect(peer.orders).toHaveLength(4);
    const probe = peer.orders[3]!.name;
    await stage.live(10_000, [peer, [probe]]);
    expect(peer.orders).toHaveLength(4);
    expect((await stage.now(stage.service.status())).endpoints).toMatchObject([{ gate: 'probing' }]);
    peer.answer(probe);
    await stage.settle();
    expect(peer.orders).toHaveLength(7);
    expect((await stage.now(stage.service.status())).endpoints).toMatchObject([{ gate: 'open' }]);
    expect(stage.run('a-0')).toMatchObject({ errors: 0, lost: 0 });
    expect(stage.outcomes('a-0')[0]).toBe('rate_limited/rate_limited');
  });

  it('G13: that asks for a year waits no longer than the clamp', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    peer.fail('a', { ...THROTTLED, retry_after_ms: 365 * 86_400_000 });
    await stage.live(LIMITS.retry_after_max_ms - 5_000, [peer, []]);
    expect(peer.orders).toHaveLength(1);
    await stage.live(10_000, [peer, []]);
    expect(peer.orders).toHaveLength(2);
  });

  it('G13: that asks for no patience at all meets no storm of probes', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(...named('a', 4));
    let answered = 0;
    for (let passed = 0; passed < 60_000; passed += 250) {
      for (; answered < peer.orders.length; answered += 1)
        peer.fail(peer.orders[answered]!.name, { ...THROTTLED, retry_after_ms: 0 });
      if (passed % 5_000 === 0) peer.beat([]);
      await stage.clock.advance(250);
    }
    expect(peer.orders.length).toBeLessThan(70);
    expect(stage.run('a-0').state).not.toBe('failed');
  });

  it('G13: a probe that fails closes it for longer', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    const waits: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const before = peer.orders.length;
      peer.fail('a', THROTTLED);
      await stage.settle();
      const since = stage.clock.monotonic();
      while (peer.orders.length === before) await stage.live(250, [peer, []]);
      waits.push(stage.clock.monotonic() - since);
    }
    expect(waits.at(-1)).toBeGreaterThan(waits[0]! * 3);
  });

  it('R20: the day of throttling that a job is allowed begins anew where something else happened in between', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    peer.fail('a', { ...THROTTLED, retry_after_ms: 1_000 });
    await stage.settle();
    expect(stage.run('a').rate_limited_since).toBe(stage.clock.now());
    await stage.live(5_000, [peer, []]);
    peer.fail('a', { message: 'another trouble' });
    await stage.settle();
    expect(stage.run('a')).toMatchObject({ rate_limited_since: null, errors: 1 });
  });

  it('a job throttled for a whole day fails with the reason', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    for (let i = 0; i < 30 && stage.state('a') !== 'failed'; i += 1) {
      if (stage.state('a') === 'running')
        peer.fail('a', { ...THROTTLED, retry_after_ms: LIMITS.retry_after_max_ms });
      await stage.settle();
      const before = stage.clock.monotonic();
      while (stage.state('a') === 'queued' && stage.clock.monotonic() - before < 4_000_000) {
        peer.beat([]);
        await stage.clock.advance(14_000);
      }
    }
    expect(stage.run('a')).toMatchObject({ state: 'failed', reason_code: 'AttemptsExhausted', errors: 0 });
    expect(peer.orders.length).toBeGreaterThan(20);
  });
});

describe('an endpoint that cannot serve anybody', () => {
  it.each([
    ['EndpointAuth', 'endpoint'],
    ['EndpointQuota', 'endpoint'],
    ['EndpointUnreachable', 'endpoint'],
    ['ModelMissing', 'model'],
  ] as const)(
    '%s: jobs wait with that reason, none fails, a probe opens it again',
    async (reason_code, scope) => {
      stage = await Stage.open();
      const peer = await stage.attach({ slots: 2 });
      await stage.submit(...named('a', 4), ['other', { model: 'other' }]);
      let answered = 0;
      const play = async (key: 'wrong' | 'mended'): Promise<void> => {
        for (; answered < peer.orders.length; answered += 1) {
          const { name, model } = peer.orders[answered]!;
          if (model === 'm' && key === 'wrong') peer.fail(name, { ...HELD, reason_code, scope });
          else peer.answer(name);
        }
        await stage.live(10_000, [peer, []]);
      };
      await play('wrong');
      expect(await reasonOf()).toBe(reason_code);
      // The other model is not concerned where only one of them is missing.
      expect(stage.state('other')).toBe(scope === 'model' ? 'completed' : stage.state('other'));
      while (stage.clock.monotonic() < 2 * 3_600_000) await play('wrong');
      expect(
        stage.states(...named('a', 4)).filter((state) => state !== 'queued' && state !== 'running'),
      ).toEqual([]);
      expect(peer.orders.length).toBeLessThan(60);
      while (stage.state('a-3') !== 'completed') await play('mended');
      expect(await reasonOf()).not.toBe(reason_code);
      expect(stage.run('a-0')).toMatchObject({ state: 'completed', errors: 0 });
    },
    20_000,
  );

  it('R27: another probe goes where the first one brought no news', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 1 });
    await stage.submit(...named('a', 3));
    peer.fail('a-0', HELD);
    await stage.live(10_000, [peer, []]);
    expect(peer.orders).toHaveLength(2);
    await stage.cancel(peer.orders[1]!.name);
    peer.cancelled(peer.orders[1]!.name);
    await stage.settle();
    expect(peer.orders).toHaveLength(3);
    peer.answer(peer.orders[2]!.name);
    await stage.settle();
    expect(peer.orders).toHaveLength(4);
  });

  it('R27: opens also where the probe was made needless by an answer that came late', async () => {
    stage = await Stage.open();
    const first = await stage.attach({ slots: 1 });
    await stage.submit('a');
    await stage.live(TERM + 1_000, [first, [], 'draining']);
    expect(stage.state('a')).toBe('queued');
    const second = await stage.attach({ name: 'gpu-2', process_id: 'process-2', slots: 1 });
    second.fail('a', HELD);
    await stage.live(10_000, [second, []], [first, [], 'draining']);
    expect(second.dispatched).toEqual(['a#2', 'a#3']);
    await stage.submit('b');
    first.answer('a', 'late');
    await stage.settle();
    expect(second.aborted).toEqual(['a#3 superseded']);
    expect(second.dispatched).toEqual(['a#2', 'a#3', 'b#1']);
  });

  it('what is the fault of one job fails that job, and leaves the endpoint open', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a', 'b');
    peer.fail('a', { blame: 'job', reason_code: 'ContextTooLong', message: 'too long' });
    await stage.settle();
    expect(stage.run('a')).toMatchObject({ state: 'failed', reason_code: 'ContextTooLong' });
    expect(await reasonOf()).toBe('WaitingForSlot');
  });
});

describe('why jobs wait', () => {
  it('R25: is said for each lane: nobody serves it, paused, no slot, not configured any more', async () => {
    stage = await Stage.open({ endpoints: [endpointOf('e'), endpointOf('f', { max_concurrent: 1 })] });
    await stage.submit(
      'a',
      ['b', { endpoint: 'f', model: 'mf' }],
      ['c', { endpoint: 'f', model: 'mf' }],
      ['d', { endpoint: 'gone', model: 'mg' }],
    );
    expect([await reasonOf('m'), await reasonOf('mg')]).toEqual(['NoInstance', 'NoInstance']);
    await stage.attach({ endpoints: ['e', 'f'] });
    expect(await reasonOf('mf')).toBe('WaitingForSlot');
    await stage.now(stage.service.putEndpoint({ name: 'e', max_concurrent: null, paused: true }));
    expect(await reasonOf('m')).toBe('Paused');
  });
});
