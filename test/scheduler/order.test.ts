import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { Peer } from './peer.ts';
import type { JobWish } from './prepared-job.ts';
import { endpointOf, Stage } from './stage.ts';

let stage: Stage;
afterEach(() => stage.close());

const named = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
const all = (names: readonly string[], wish: JobWish): [string, JobWish][] =>
  names.map((name) => [name, wish]);

/** Answers what runs, oldest first, until nothing is left; gives the names in the order in which they were dispatched. */
async function serve(peer: Peer, limit = 1_000): Promise<string[]> {
  for (let served = 0; served < limit; served += 1) {
    const order = peer.orders[served];
    if (order === undefined) break;
    peer.answer(order.name);
    await stage.settle();
  }
  return peer.orders.map(({ name }) => name);
}

const prefixes = (names: readonly string[]): string => names.map((name) => name.split('-')[0]).join('');

describe('who goes first', () => {
  it('R22: the higher priority, negative ones last', async () => {
    stage = await Stage.open();
    await stage.submit(
      ['low', { options: { priority: -5 } }],
      'a',
      ['high', { options: { priority: 5 } }],
      'b',
      ['higher', { options: { priority: 9 } }],
    );
    const peer = await stage.attach({ slots: 1 });
    expect(await serve(peer)).toEqual(['higher', 'high', 'a', 'b', 'low']);
  });

  it('R22: a higher priority that comes later goes before everything that waits', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 1 });
    await stage.submit(...named('a', 5));
    await stage.submit(['urgent', { options: { priority: 1 } }]);
    expect((await serve(peer)).slice(0, 3)).toEqual(['a-0', 'urgent', 'a-1']);
  });

  it('R22: twenty prompts of a colleague do not wait behind a sweep', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 1 });
    await stage.submit(...all(named('s', 500), { batch: 'sweep' }));
    await serve(peer, 30);
    await stage.submit(...all(named('c', 20), { batch: 'colleague' }));
    const from = peer.orders.length;
    await serve(peer, from + 42);
    const next = peer.orders.slice(from, from + 42).map(({ name }) => name);
    expect(next.filter((name) => name.startsWith('c-'))).toHaveLength(20);
  });

  it('a sweep that was answered before takes nobody’s turn', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 100 });
    const texts = named('t', 50);
    await stage.submit(
      ...texts.map((text): [string, JobWish] => [`first.${text}`, { text, batch: 'first' }]),
    );
    await serve(peer);
    const late = texts.map((text): [string, JobWish] => [`again.${text}`, { text, batch: 'again' }]);
    await stage.submit(...late, ['new', { batch: 'again' }], ['other', { batch: 'other' }]);
    expect(stage.run('new').rank).toBe(stage.run('other').rank);
  });

  it('R22: lanes take turns, whatever their ranks, also within one turn', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 1 });
    // One lane is far on in its virtual time, the other begins.
    await stage.submit(...all(named('a', 60), { model: 'm1' }));
    await serve(peer, 20);
    peer.hangUp();
    await stage.clock.advance(16_000);
    await stage.submit(...all(named('b', 60), { model: 'm2' }));
    const wide = await stage.attach({ name: 'gpu-2', process_id: 'other', slots: 16 });
    const counted = (prefix: string): number =>
      wide.orders.filter(({ name }) => name.startsWith(prefix)).length;
    expect([counted('a-'), counted('b-')]).toEqual([8, 8]);
  });

  it('a newcomer does not pass those who wait when an endpoint is let go', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 2 });
    await stage.now(stage.service.putEndpoint({ name: 'e', max_concurrent: null, paused: true }));
    await stage.submit('a', 'b', 'c');
    expect(peer.dispatched).toEqual([]);
    await Promise.all([
      stage.now(stage.service.putEndpoint({ name: 'e', max_concurrent: null, paused: false })),
      stage.submit('late'),
    ]);
    expect(peer.dispatched).toEqual(['a#1', 'b#1']);
  });

  it('R27: a slot does not stay empty where the heads of a lane are cancelled in the turn that frees it', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 1 });
    await stage.submit(...named('a', 40));
    stage.store.hold();
    const other = stage.submit('zz');
    await stage.settle();
    peer.answer('a-0');
    const cancelled = stage.service.cancel(
      named('a', 40)
        .slice(1, 35)
        .map((name) => ({ name, run: null })),
    );
    await stage.settle();
    stage.store.letGo();
    await stage.settle();
    await Promise.all([other, cancelled]);
    expect(peer.dispatched).toEqual(['a-0#1', 'a-35#1']);
  });
});

describe('limits', () => {
  it('R17: max_concurrent of an endpoint and the slots of each instance are never exceeded', async () => {
    stage = await Stage.open({
      endpoints: [endpointOf('e', { max_concurrent: 3 }), endpointOf('f', { max_concurrent: 100 })],
    });
    const peer = await stage.attach({ slots: 5, endpoints: ['e', 'f'] });
    await stage.submit(...named('a', 10), ...all(named('b', 10), { endpoint: 'f' }));
    expect(prefixes(peer.orders.map(({ name }) => name)).replaceAll('b', '')).toBe('aaa');
    expect(peer.orders).toHaveLength(5);
    for (let ended = 0; ended < 15; ended += 1) {
      peer.answer(peer.orders[ended]!.name);
      await stage.settle();
      const running = peer.orders.slice(ended + 1).length;
      const { endpoints } = await stage.now(stage.service.status());
      expect(running).toBeLessThanOrEqual(5);
      expect(endpoints[0]!.running).toBeLessThanOrEqual(3);
    }
    expect(peer.orders).toHaveLength(20);
  });

  it('set at run time win over the file, also after a restart, until they are reset', async () => {
    stage = await Stage.open({ endpoints: [endpointOf('e', { max_concurrent: 4 })] });
    const peer = await stage.attach({ slots: 10 });
    await stage.now(stage.service.putEndpoint({ name: 'e', max_concurrent: 1, paused: false }));
    await stage.submit(...named('a', 6));
    expect(peer.orders).toHaveLength(1);
    await stage.restart();
    expect((await stage.now(stage.service.status())).endpoints).toMatchObject([
      { name: 'e', max_concurrent: 1 },
    ]);
    const back = await stage.attach({ slots: 10 }, [{ ...peer.held('a-0') }]);
    expect(back.orders).toHaveLength(0);
    await stage.now(stage.service.putEndpoint({ name: 'e', max_concurrent: null, paused: false }));
    expect(back.orders).toHaveLength(3);
  });

  it('R23: work goes to instances that fit, to the one with the most room first', async () => {
    stage = await Stage.open({ endpoints: [endpointOf('e'), endpointOf('f')] });
    const small = await stage.attach({ name: 'small', process_id: 's', slots: 2, endpoints: ['e'] });
    const large = await stage.attach({
      name: 'large',
      process_id: 'l',
      slots: 8,
      endpoints: ['e', 'f'],
      needs: ['', 'workspace'],
    });
    await stage.submit(...named('a', 5), ['f', { endpoint: 'f' }], ['script', { needs: 'workspace' }]);
    expect(large.orders.map(({ name }) => name)).toEqual(expect.arrayContaining(['f', 'script']));
    expect(small.orders.length).toBeGreaterThan(0);
    expect(small.orders.length + large.orders.length).toBe(7);
  });

  it('nothing new goes to an instance that drains, until it takes work again', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 2 });
    peer.beat([], true);
    await stage.settle();
    await stage.submit('a');
    expect(peer.orders).toEqual([]);
    expect((await stage.now(stage.service.status())).instances).toMatchObject([{ state: 'draining' }]);
    peer.beat([], false);
    await stage.settle();
    expect(peer.dispatched).toEqual(['a#1']);
  });
});

describe('an endpoint with sticky models', () => {
  const sticky = [endpointOf('e', { max_concurrent: 1, sticky_models: true })];

  it('stays with the loaded model until it has no more work', async () => {
    stage = await Stage.open({ endpoints: sticky });
    const peer = await stage.attach();
    for (const i of [0, 1, 2, 3]) {
      await stage.submit(
        [`x-${i}`, { model: 'm1' }],
        [`y-${i}`, { model: 'm2' }],
        [`z-${i}`, { model: 'm3' }],
      );
    }
    const served = prefixes(await serve(peer));
    expect(served).toHaveLength(12);
    expect(served.replaceAll(/(.)\1*/g, '$1')).toHaveLength(3);
  });

  it('says what the others wait for', async () => {
    stage = await Stage.open({ endpoints: sticky });
    await stage.attach();
    await stage.submit(['x-0', { model: 'm1' }], ['x-1', { model: 'm1' }], ['y-0', { model: 'm2' }]);
    const lanes = await stage.now(stage.service.lanes());
    expect(lanes.find(({ model }) => model === 'm2')!.reason).toMatchObject({ code: 'WaitingForModel' });
  });

  it('switches for a higher priority', async () => {
    stage = await Stage.open({ endpoints: sticky });
    const peer = await stage.attach();
    await stage.submit(...all(named('x', 4), { model: 'm1' }));
    await stage.submit(['y-0', { model: 'm2', options: { priority: 1 } }]);
    expect(prefixes(await serve(peer, 3))).toBe('xyxx');
  });

  it('switches when another lane has waited for long enough', async () => {
    stage = await Stage.open({ endpoints: sticky });
    const peer = await stage.attach();
    await stage.submit(...all(named('x', 200), { model: 'm1' }), ['y-0', { model: 'm2' }]);
    const minute = 60_000;
    for (let waited = 0; !peer.orders.some(({ name }) => name === 'y-0'); waited += minute) {
      expect(waited).toBeLessThanOrEqual(LIMITS.model_switch_after_ms + minute);
      const running = peer.orders.at(-1)!.name;
      await stage.live(minute, [peer, [running]]);
      peer.answer(running);
      await stage.settle();
    }
    expect(stage.clock.monotonic()).toBeGreaterThanOrEqual(LIMITS.model_switch_after_ms);
  });

  it('takes jobs of the loaded model that need something else for no switch', async () => {
    stage = await Stage.open({ endpoints: sticky });
    const peer = await stage.attach({ needs: ['', 'workspace'] });
    await stage.submit(['x-0', { model: 'm1' }], ['s-0', { model: 'm1', needs: 'workspace' }]);
    await stage.submit(['y-0', { model: 'm2' }], ['x-1', { model: 'm1' }], ['x-2', { model: 'm1' }]);
    const served = prefixes(await serve(peer));
    expect(served.indexOf('y')).toBe(4);
  });
});
