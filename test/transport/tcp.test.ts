import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Connection, Listener } from '../../src/core/ports/transport.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { TcpTransport } from '../../src/transport/tcp.ts';
import { FakeClock } from '../support/fake-clock.ts';

const open: { destroy(): void }[] = [];
const listeners: Listener[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) one.destroy();
  for (const listener of listeners.splice(0)) await listener.close();
});

interface End {
  readonly connection: Connection;
  readonly closed: Promise<Error | null>;
  /** Resolves when this many bytes have come. */
  received(bytes: number): Promise<string>;
}

function endOf(connection: Connection): End {
  open.push(connection);
  let text = '';
  let look: () => void = () => undefined;
  connection.onData((bytes) => {
    text += Buffer.from(bytes).toString('latin1');
    look();
  });
  const { promise: closed, resolve } = Promise.withResolvers<Error | null>();
  connection.onClose(resolve);
  const received = (bytes: number): Promise<string> =>
    new Promise((done) => {
      look = () => {
        if (text.length >= bytes) done(text);
      };
      look();
    });
  return { connection, closed, received };
}

async function listen(transport: TcpTransport) {
  const accepted = Promise.withResolvers<Connection>();
  const listener = await transport.listen({ host: '127.0.0.1', port: 0 }, (connection) => {
    open.push(connection);
    accepted.resolve(connection);
  });
  listeners.push(listener);
  return { listener, accepted: accepted.promise };
}

async function pair() {
  const transport = new TcpTransport({ timers: systemTimers });
  const { listener, accepted } = await listen(transport);
  const client = endOf(await transport.connect({ ...listener.address, timeout_ms: 5_000 }));
  const server = endOf(await accepted);
  return { transport, listener, client, server };
}

describe('TCP', () => {
  it('R23: carries bytes both ways, in order', async () => {
    const { client, server } = await pair();
    client.connection.send(Buffer.from('he'));
    client.connection.send(Buffer.from('llo'));
    server.connection.send(Buffer.from('world'));
    expect(await server.received(5)).toBe('hello');
    expect(await client.received(5)).toBe('world');
    expect(server.connection.peer).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('sends what is queued before it closes, and both hear an orderly end', async () => {
    const { client, server } = await pair();
    const size = 4 * 1024 * 1024;
    client.connection.send(Buffer.alloc(size, 'x'));
    client.connection.close();
    client.connection.send(Buffer.from('too late'));
    expect((await server.received(size)).length).toBe(size);
    expect(await server.closed).toBe(null);
    expect(await client.closed).toBe(null);
  });

  it('still sends what it has when the peer says its last', async () => {
    const transport = new TcpTransport({ timers: systemTimers });
    const { listener, accepted } = await listen(transport);
    const raw = connect(listener.address);
    open.push(raw);
    let text = '';
    raw.on('data', (bytes) => (text += bytes.toString()));
    const ended = new Promise((resolve) => raw.on('close', resolve));
    const server = endOf(await accepted);
    server.connection.send(Buffer.from('an answer'));
    raw.end();
    await ended;
    expect(text).toBe('an answer');
    expect(await server.closed).toBe(null);
  });

  it('says what went wrong where the peer resets', async () => {
    const transport = new TcpTransport({ timers: systemTimers });
    const { listener, accepted } = await listen(transport);
    const raw = connect(listener.address);
    open.push(raw);
    raw.on('error', () => undefined);
    const server = endOf(await accepted);
    raw.resetAndDestroy();
    expect(await server.closed).toMatchObject({ code: 'ECONNRESET' });
  });

  it('counts what a peer that does not read leaves behind, and lets it go when destroyed', async () => {
    const transport = new TcpTransport({ timers: systemTimers });
    const { listener, accepted } = await listen(transport);
    const raw = connect({ ...listener.address });
    open.push(raw);
    raw.pause();
    raw.on('error', () => undefined);
    const server = endOf(await accepted);
    const sent = 64 * 1024 * 1024;
    server.connection.send(Buffer.alloc(sent));
    await new Promise<void>((resolve) => systemTimers.soon(resolve));
    expect(server.connection.backlog_bytes).toBeGreaterThan(sent / 2);
    server.connection.destroy();
    server.connection.destroy();
    expect(await server.closed).toBe(null);
    expect(server.connection.backlog_bytes).toBe(0);
  });

  it('does not wait for ever for a peer that never ends', async () => {
    const clock = new FakeClock();
    const transport = new TcpTransport({ timers: clock, close_timeout_ms: 5_000 });
    const { listener, accepted } = await listen(transport);
    const raw = connect({ ...listener.address, allowHalfOpen: true });
    open.push(raw);
    const ended = new Promise((resolve) => raw.on('end', resolve));
    raw.resume();
    const server = endOf(await accepted);
    server.connection.close();
    await ended;
    await clock.advance(5_000);
    expect(await server.closed).toBe(null);
  });

  it('hears a close that has been before anybody listens', async () => {
    const late = Promise.withResolvers<Error | null>();
    const { transport, listener } = await pair();
    const other = await transport.connect({ ...listener.address, timeout_ms: 5_000 });
    open.push(other);
    other.destroy();
    await new Promise<void>((resolve) => systemTimers.soon(resolve));
    other.onClose(late.resolve);
    expect(await late.promise).toBe(null);
  });

  it('says that nobody listens', async () => {
    const { transport, listener } = await pair();
    await listener.close();
    await expect(transport.connect({ ...listener.address, timeout_ms: 5_000 })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      message: expect.stringContaining(`connect to 127.0.0.1:${listener.address.port}: nobody listens there`),
    });
  });

  it('gives up where nobody answers in time', async () => {
    // An address for documentation (RFC 5737): no machine has it.
    const clock = new FakeClock();
    const transport = new TcpTransport({ timers: clock });
    const connecting = transport.connect({ host: '192.0.2.1', port: 9, timeout_ms: 2_000 });
    const failed = expect(connecting).rejects.toMatchObject({
      code: expect.stringMatching(/ETIMEDOUT|ENETUNREACH|EHOSTUNREACH/),
    });
    await clock.advance(2_000);
    await failed;
  });

  it('says that the port is taken', async () => {
    const { transport, listener } = await pair();
    await expect(transport.listen(listener.address, () => undefined)).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: expect.stringContaining('the port is taken'),
    });
  });

  it('stops accepting while connections live on', async () => {
    const { transport, listener, client, server } = await pair();
    await listener.close();
    await expect(transport.connect({ ...listener.address, timeout_ms: 5_000 })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    client.connection.send(Buffer.from('still here'));
    expect(await server.received(10)).toBe('still here');
    const again = await transport.listen(listener.address, () => undefined);
    listeners.push(again);
    expect(again.address).toEqual(listener.address);
  });
});
