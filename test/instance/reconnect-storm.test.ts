/** F65: a thousand instances whose server went away, and came back. */
import { describe, expect, it } from 'vitest';
import { Connector } from '../../src/instance/connector.ts';
import { MemoryNetwork } from '../../src/transport/memory.ts';
import {
  FROM_INSTANCE,
  FRAME_LIMITS,
  type FromInstance,
  type FromScheduler,
} from '../../src/wire/messages.ts';
import { WireSession } from '../../src/wire/session.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const COUNT = 1_000;
const BUCKET_MS = 10;
const limits = {
  frame_bytes_before_max: FRAME_LIMITS.before,
  frame_bytes_max: FRAME_LIMITS.after,
  frame_timeout_ms: 30_000,
};

describe('a thousand instances', () => {
  it('F65: whose server is gone ask for it evenly spread, and are all back within seconds when it is', async () => {
    const clock = new FakeClock();
    const network = new MemoryNetwork({ timers: clock });
    const sessions = new Set<WireSession<FromInstance, FromScheduler>>();
    let asked = new Map<number, number>();
    const bucket = (): number => Math.floor(clock.monotonic() / BUCKET_MS);
    const listen = () =>
      network.listen({ host: 'memory', port: 1 }, (connection) => {
        const session = new WireSession<FromInstance, FromScheduler>({
          ...{ connection, incoming: FROM_INSTANCE, clock, timers: clock, limits },
        });
        sessions.add(session);
        session.onMessage(() =>
          session.send({
            t: 'welcome',
            protocol: 2,
            id: 1,
            store_id: 's',
            lease_ttl_ms: 15_000,
            heartbeat_ms: 5_000,
          }),
        );
      });
    const connectors = Array.from(
      { length: COUNT },
      (_, nth) =>
        new Connector({
          locate: () => {
            asked.set(bucket(), (asked.get(bucket()) ?? 0) + 1);
            return Promise.resolve({ host: 'memory', port: 1 });
          },
          token: () => Promise.resolve('token'),
          hello: () => ({
            ...{ version: '0', name: `i-${nth}`, process_id: `p-${nth}`, pid: 1, slots: 1 },
            ...{ endpoints: ['e'], needs: [''], held: 0 },
          }),
          ...{ transport: network, clock, timers: clock, random: new SeededRandom(nth + 1), limits },
          connect_timeout_ms: 5_000,
          onWelcome: () => undefined,
          onMessage: () => undefined,
          onDisconnected: () => undefined,
          onGivenUp: () => undefined,
        }),
    );
    const here = (): number => connectors.filter(({ session }) => session !== null).length;

    let listener = await listen();
    for (const connector of connectors) connector.start();
    await clock.advance(10_000);
    expect(here()).toBe(COUNT);

    // The server dies: every connection breaks in one moment.
    await listener.close();
    for (const session of sessions) session.destroy();
    asked = new Map();
    await clock.advance(200);
    expect(
      Math.max(...asked.values()),
      'already the first tries are spread over a fifth of a second',
    ).toBeLessThan(COUNT / 8);
    await clock.advance(30_000);
    asked = new Map();
    await clock.advance(20_000);
    const total = [...asked.values()].reduce((sum, count) => sum + count, 0);
    // Each pause is uniform up to 5 s, so 400 a second are expected of a thousand: 4 in each hundredth.
    expect(total).toBeGreaterThan(COUNT * 6);
    expect(total).toBeLessThan(COUNT * 11);
    expect(Math.max(...asked.values())).toBeLessThan(25);
    expect(asked.size, 'hardly a hundredth of a second without one').toBeGreaterThan(1_800);

    listener = await listen();
    await clock.advance(5_100);
    expect(here()).toBe(COUNT);
    const stopped = connectors.map((connector) => connector.stop());
    await clock.advance(10_000);
    await Promise.all(stopped);
    await listener.close();
    expect(clock.waiting).toBe(0);
  });
});
