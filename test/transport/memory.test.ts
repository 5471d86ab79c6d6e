import { describe, expect, it } from 'vitest';
import type { Connection } from '../../src/core/ports/transport.ts';
import { MemoryNetwork, type MemoryNetworkOptions } from '../../src/transport/memory.ts';
import { FakeClock } from '../support/fake-clock.ts';

async function setup(options: Partial<MemoryNetworkOptions> = {}) {
  const clock = new FakeClock();
  const network = new MemoryNetwork({ timers: clock, ...options });
  const accepted = Promise.withResolvers<Connection>();
  const listener = await network.listen({ host: 'm', port: 7 }, accepted.resolve);
  const connecting = network.connect({ host: 'm', port: 7, timeout_ms: 1_000 });
  await clock.advance(1_000);
  const client = endOf(await connecting);
  const server = endOf(await accepted.promise);
  return { clock, network, listener, link: network.links[0]!, client, server };
}

function endOf(connection: Connection) {
  const end = {
    connection,
    pieces: [] as string[],
    closed: undefined as Error | null | undefined,
    closes: 0,
  };
  connection.onData((bytes) => end.pieces.push(Buffer.from(bytes).toString()));
  connection.onClose((error) => {
    end.closed = error;
    end.closes += 1;
  });
  return end;
}

describe('a network in memory', () => {
  it('delivers in order, whatever the delays are', async () => {
    const delays = [900, 5, 300, 0, 40];
    const { clock, client, server } = await setup({ delay_ms: () => delays.shift() ?? 1 });
    for (const piece of ['a', 'b', 'c', 'd']) client.connection.send(Buffer.from(piece));
    await clock.advance(10_000);
    expect(server.pieces).toEqual(['a', 'b', 'c', 'd']);
  });

  it('takes the bytes as they were when they were sent', async () => {
    const { clock, client, server } = await setup();
    const bytes = Buffer.from('before');
    client.connection.send(bytes);
    bytes.write('AFTER!');
    await clock.settle();
    expect(server.pieces).toEqual(['before']);
  });

  it('delivers in slices', async () => {
    const { clock, client, server } = await setup({ slice_bytes: 2 });
    client.connection.send(Buffer.from('hello'));
    expect(client.connection.backlog_bytes).toBe(5);
    await clock.settle();
    expect(server.pieces).toEqual(['he', 'll', 'o']);
    expect(client.connection.backlog_bytes).toBe(0);
  });

  it('ends in order behind what was sent, on both sides, once', async () => {
    const { clock, client, server } = await setup();
    client.connection.send(Buffer.from('last'));
    server.connection.send(Buffer.from('answer'));
    client.connection.close();
    client.connection.send(Buffer.from('too late'));
    await clock.advance(60_000);
    expect(server.pieces).toEqual(['last']);
    expect(client.pieces).toEqual(['answer']);
    expect([client.closed, server.closed]).toEqual([null, null]);
    expect([client.closes, server.closes]).toEqual([1, 1]);
  });

  it('breaks after as many bytes as it is told', async () => {
    const { clock, link, client, server } = await setup();
    link.cutAfter('to_server', 7);
    client.connection.send(Buffer.from('hello'));
    client.connection.send(Buffer.from('world'));
    await clock.settle();
    expect(server.pieces.join('')).toBe('hellowo');
    expect(client.closed).toMatchObject({ code: 'ECONNRESET' });
    expect(server.closed).toMatchObject({ code: 'ECONNRESET' });
    expect(link.open).toBe(false);
  });

  it('swallows everything where it is half-open, and neither side hears of it', async () => {
    const { clock, link, client, server } = await setup();
    link.blackHole();
    client.connection.send(Buffer.from('hello'));
    await clock.advance(3_600_000);
    expect(server.pieces).toEqual([]);
    expect([client.closed, server.closed]).toEqual([undefined, undefined]);
    client.connection.destroy();
    await clock.advance(3_600_000);
    expect([client.closed, server.closed]).toEqual([null, undefined]);
  });

  it('gives up a close that nobody answers', async () => {
    const { clock, link, client } = await setup();
    link.blackHole();
    client.connection.close();
    await clock.advance(4_999);
    expect(client.closed).toBe(undefined);
    await clock.advance(1);
    expect(client.closed).toBe(null);
  });

  it('refuses where nobody listens, where the port is taken, and where the net is down', async () => {
    const { clock, network, listener } = await setup();
    await expect(network.listen({ host: 'm', port: 7 }, () => undefined)).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    await listener.close();
    const refused = expect(network.connect({ host: 'm', port: 7, timeout_ms: 100 })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    await clock.settle();
    await refused;
    network.unreachable = true;
    const timed_out = expect(network.connect({ host: 'm', port: 7, timeout_ms: 100 })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
    });
    await clock.advance(100);
    await timed_out;
  });
});
