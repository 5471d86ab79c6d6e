import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FaultProxy } from './fault-proxy.ts';

interface End {
  readonly socket: Socket;
  received: Buffer;
  /** `closed`, or the code of the error before it. */
  readonly over: Promise<string>;
}

function endOf(socket: Socket): End {
  let why = 'closed';
  socket.on('error', (error: NodeJS.ErrnoException) => (why = error.code ?? error.message));
  const over = new Promise<string>((resolve) => socket.once('close', () => resolve(why)));
  const end: End = { socket, received: Buffer.alloc(0), over };
  socket.on('data', (bytes: Buffer) => (end.received = Buffer.concat([end.received, bytes])));
  onTestFinished(() => void socket.destroy());
  return end;
}

async function received(end: End, bytes: number): Promise<Buffer> {
  while (end.received.length < bytes) await once(end.socket, 'data');
  return end.received;
}

/** A client, the proxy, and the server behind it, connected. */
async function setup() {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const proxy = new FaultProxy(() => Promise.resolve({ host: '127.0.0.1', port }));
  await proxy.listen();
  onTestFinished(async () => {
    await proxy.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = endOf(connect(proxy.address));
  const [socket] = await accepted;
  return { proxy, client, server: endOf(socket) };
}

describe('the fault proxy', () => {
  it('carries bytes both ways, and the end of them', async () => {
    const { client, server } = await setup();
    const bytes = randomBytes(300_000);
    client.socket.write(bytes);
    expect((await received(server, bytes.length)).equals(bytes)).toBe(true);
    server.socket.end(bytes.subarray(0, 1_000));
    expect((await received(client, 1_000)).equals(bytes.subarray(0, 1_000))).toBe(true);
    expect(await client.over).toBe('closed');
  });

  it.each([
    ['latency', { latency_ms: 20 }],
    ['single bytes', { slice: true }],
    ['a narrow band', { bytes_per_s: 200_000 }],
    ['all of them', { latency_ms: 5, slice: true, bytes_per_s: 500_000 }],
  ])('changes nothing of what it carries with %s', async (_, weather) => {
    const { proxy, client, server } = await setup();
    proxy.weather = weather;
    const bytes = randomBytes(700);
    client.socket.write(bytes);
    server.socket.write(bytes);
    expect((await received(server, bytes.length)).equals(bytes)).toBe(true);
    expect((await received(client, bytes.length)).equals(bytes)).toBe(true);
  });

  it('hands on single bytes one at a time', async () => {
    const { proxy, client, server } = await setup();
    proxy.weather = { slice: true };
    const sizes: number[] = [];
    server.socket.on('data', (bytes: Buffer) => sizes.push(bytes.length));
    client.socket.write(randomBytes(64));
    await received(server, 64);
    // The system may join neighbours; a proxy that did not slice would give all 64 at once.
    expect(sizes.length).toBeGreaterThan(8);
  });

  it('cuts in the middle of what is sent, for both ends', async () => {
    const { proxy, client, server } = await setup();
    proxy.cut(6);
    client.socket.write(Buffer.from('0123456789'));
    expect(await server.over).toBe('closed');
    expect(server.received.toString()).toBe('012345');
    expect(await client.over).toBe('closed');
    expect(proxy.connections).toBe(0);
  });

  it('cuts at the latest before the last byte of what is sent', async () => {
    const { proxy, client, server } = await setup();
    proxy.cut(1_000);
    client.socket.write(Buffer.from('0123456789'));
    await server.over;
    expect(server.received.toString()).toBe('012345678');
  });

  it('resets both ends', async () => {
    const { proxy, client, server } = await setup();
    client.socket.write('hello');
    await received(server, 5);
    proxy.reset();
    expect(await client.over).toBe('ECONNRESET');
    expect(await server.over).toBe('ECONNRESET');
  });

  it('swallows one way and leaves the other open', async () => {
    const { proxy, client, server } = await setup();
    proxy.weather = { swallow: 'to_server' };
    client.socket.write('lost');
    server.socket.write('heard');
    expect((await received(client, 5)).toString()).toBe('heard');
    expect(server.received).toHaveLength(0);
  });

  it('stays silent behind what it swallowed, and keeps the end of it to itself', async () => {
    const { proxy, client, server } = await setup();
    proxy.weather = { swallow: 'to_server' };
    client.socket.write('lost');
    server.socket.write('heard');
    await received(client, 5);
    proxy.weather = {};
    client.socket.end('lost as well');
    server.socket.write(' again');
    expect((await received(client, 11)).toString()).toBe('heard again');
    expect(server.received).toHaveLength(0);
    expect(server.socket.readableEnded).toBe(false);
    server.socket.destroy();
    expect(await client.over).toBe('closed');
  });

  it('closes a connection behind which nobody is', async () => {
    const proxy = new FaultProxy(() => Promise.reject(new Error('nobody serves')));
    await proxy.listen();
    onTestFinished(() => proxy.close());
    expect(await endOf(connect(proxy.address)).over).toMatch(/closed|ECONNRESET/);
  });
});
