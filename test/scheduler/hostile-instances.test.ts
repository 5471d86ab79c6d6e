/** F61–F64: connections that trickle, break, say nothing, or say what is no message. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { Connection } from '../../src/core/ports/transport.ts';
import { encodeFrame, FrameDecoder } from '../../src/wire/frame.ts';
import { drawing } from '../core/drawing.ts';
import { Stage } from './stage.ts';
import { FRAMES, PORT } from './terms.ts';

let stage: Stage;
afterEach(() => stage.close());

interface Raw {
  readonly connection: Connection;
  /** Codes of the refusals that came. */
  readonly refusals: string[];
  closed: boolean;
}

async function raw(): Promise<Raw> {
  const connecting = stage.network.connect({ host: 'memory', port: PORT, timeout_ms: 1_000 });
  await stage.settle();
  const connection = await connecting;
  const decoder = new FrameDecoder(1_000_000);
  const one: Raw = { connection, refusals: [], closed: false };
  connection.onData((bytes) =>
    decoder.push(bytes, (value) => one.refusals.push((value as { code: string }).code) > 0),
  );
  connection.onClose(() => {
    one.closed = true;
  });
  return one;
}

const HELLO = encodeFrame({ t: 'hello', name: 'half' });

describe('a connection without a hello', () => {
  it.each([
    ['says nothing', []],
    ['says half a length', [HELLO.subarray(0, 2)]],
    ['says half a hello', [HELLO.subarray(0, HELLO.length - 1)]],
    ['says one byte a second', [...HELLO].map((byte) => Uint8Array.of(byte))],
  ])('F63: that %s is closed after hello_timeout_ms', async (_what, pieces) => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const one = await raw();
    for (let ms = 0; ms < LIMITS.hello_timeout_ms; ms += 1_000) {
      const piece = pieces[ms / 1_000];
      if (piece !== undefined) one.connection.send(piece);
      expect(one.closed).toBe(false);
      await stage.clock.advance(1_000);
    }
    await stage.settle();
    expect(one.refusals).toEqual(['HelloTimeout']);
    await stage.clock.advance(5_000);
    expect(one.closed).toBe(true);
    expect(peer.end).toBe(null);
  });

  it('F63: does not keep others from coming, however many there are', async () => {
    stage = await Stage.open();
    const silent = await Promise.all(Array.from({ length: 1_000 }, () => raw()));
    const peer = await stage.attach();
    await stage.submit('a');
    peer.answer('a');
    await stage.settle();
    expect(stage.state('a')).toBe('completed');
    await stage.clock.advance(LIMITS.hello_timeout_ms + 5_000);
    expect(silent.every(({ closed }) => closed)).toBe(true);
  });
});

/** What is sent to the wrong port, by programs that mean another one. */
const STRANGERS: readonly (readonly [what: string, bytes: Uint8Array])[] = [
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['TLS', Buffer.from('16030100c8010000c40303', 'hex')],
  ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n')],
  ['a length of 4 GiB', Buffer.from([0xff, 0xff, 0xff, 0xff])],
  ['a length one above the limit', lengthOf(FRAMES.frame_bytes_before_max + 1)],
  ['a length of nothing', lengthOf(0)],
];

function lengthOf(bytes: number): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes);
  return head;
}

describe('bytes that are no message', () => {
  it.each(STRANGERS)('F64: %s end the connection at once, and nothing else', async (_what, bytes) => {
    stage = await Stage.open();
    const peer = await stage.attach();
    const one = await raw();
    const before = process.memoryUsage().arrayBuffers;
    one.connection.send(bytes);
    await stage.settle();
    expect(one.refusals).toEqual(['BadMessage']);
    expect(one.closed).toBe(true);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
    expect(peer.end).toBe(null);
    expect(stage.fatal).toEqual([]);
  });

  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    // Frames with content of all kinds: values that are no messages, messages that are wrong.
    fc.jsonValue().map((value) => encodeFrame(value)),
    fc
      .record({
        t: fc.constantFrom(
          'hello',
          'holding',
          'heartbeat',
          'accept',
          'outcome',
          'state',
          'log',
          'leaving',
          'x',
        ),
        held: fc.jsonValue(),
        attempts: fc.jsonValue(),
        report: fc.jsonValue(),
        seq: fc.jsonValue(),
      })
      .map((value) => encodeFrame(value)),
  );

  it('F64: of any kind, before or behind a hello, end at most their own connection', async () => {
    stage = await Stage.open();
    const witness = await stage.attach({ name: 'witness', process_id: 'w' });
    await stage.submit('kept');
    let nth = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(garbage, { maxLength: 4 }), fc.boolean(), async (chunks, greets) => {
        const one = await raw();
        nth += 1;
        if (greets) {
          const hello = { ...witness.hello, name: `g-${nth}`, process_id: `g-${nth}`, endpoints: ['none'] };
          one.connection.send(encodeFrame({ t: 'hello', ...hello }));
          await stage.settle();
        }
        for (const bytes of chunks) one.connection.send(bytes);
        await stage.settle();
        one.connection.destroy();
        await stage.settle();
        expect([stage.fatal, stage.failures(), witness.end]).toEqual([[], [], null]);
      }),
      drawing(300),
    );
    witness.answer('kept');
    await stage.settle();
    expect(stage.outcomes('kept')).toEqual(['succeeded/free']);
  });
});

describe('a network that cuts what is said', () => {
  it('F61: into single bytes delivers every message whole', async () => {
    stage = await Stage.open({ network: { slice_bytes: 1 } });
    const connecting = stage.attach();
    // Each byte is a step of its own.
    const peer = await connecting;
    await stage.submit('a');
    await stage.clock.advance(10);
    expect(peer.dispatched).toEqual(['a#1']);
    peer.answer('a', 'größer \u{1F600}');
    await stage.clock.advance(10);
    expect(stage.text('a')).toBe('größer \u{1F600}');
    expect(peer.taken).toEqual(['a#1 taken']);
  });

  it('F61: at any byte of an outcome takes it once, from the next connection', async () => {
    stage = await Stage.open();
    let peer = await stage.attach();
    const bytes = 150;
    for (let cut = 1; cut < bytes; cut += 7) {
      const name = `job-${cut}`;
      await stage.submit(name);
      const order = peer.order(name);
      stage.network.links.at(-1)!.cutAfter('to_server', cut);
      peer.answer(name);
      await stage.settle();
      expect([cut, peer.end?.code]).toEqual([cut, 'connection_error']);
      expect(stage.state(name)).toBe('running');
      const held = peer.held(name, { spooled: true });
      peer = await stage.attach({}, [held]);
      peer.answer(name, `answer of ${name}`, order);
      await stage.settle();
      expect([cut, stage.outcomes(name)]).toEqual([cut, ['succeeded/free']]);
    }
  });
});

describe('an instance that reads nothing', () => {
  it('F62: and goes on talking is cut once its unread answers fill a frame; others are not held up', async () => {
    const frame_bytes_max = 200_000;
    let blocked = false;
    stage = await Stage.open({
      more: { limits: { ...FRAMES, frame_bytes_max } },
      network: { delay_ms: (direction) => (blocked && direction === 'to_client' ? 3_600_000 : 0) },
    });
    const reader = await stage.attach({ name: 'reader', process_id: 'r' });
    await stage.submit('a');
    const deaf = await stage.attach({ name: 'deaf', process_id: 'd', endpoints: ['none'] });
    const link = stage.network.links.at(-1)!;
    blocked = true;
    const strange = Array.from({ length: 500 }, (_, i) => ({
      name: `n-${i}`,
      run: 1,
      attempt: 1,
      digest: '1:x',
    }));
    let beats = 0;
    for (; beats < 100 && link.open; beats += 1) {
      deaf.beat(strange);
      await stage.settle();
    }
    expect(link.open).toBe(false);
    expect(beats, 'each answer is as long as its question').toBeLessThan(20);
    expect(beats).toBeGreaterThan(5);
    blocked = false;
    reader.answer('a');
    await stage.settle();
    expect(stage.state('a')).toBe('completed');
    expect(reader.end).toBe(null);
  });

  it('F62: is not cut by what it reads in time, however much that is', async () => {
    stage = await Stage.open({ more: { limits: { ...FRAMES, frame_bytes_max: 200_000 } } });
    const peer = await stage.attach();
    const strange = Array.from({ length: 500 }, (_, i) => ({
      name: `n-${i}`,
      run: 1,
      attempt: 1,
      digest: '1:x',
    }));
    for (let beat = 0; beat < 30; beat += 1) {
      peer.beat(strange);
      await stage.settle();
    }
    expect(peer.of('renewed')).toHaveLength(30);
    expect(peer.end).toBe(null);
  });
});
