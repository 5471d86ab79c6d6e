import { describe, expect, it } from 'vitest';
import type { Connection } from '../../src/core/ports/transport.ts';
import { MemoryNetwork } from '../../src/transport/memory.ts';
import { decodeFrame, encodeFrame, FrameDecoder } from '../../src/wire/frame.ts';
import {
  FROM_INSTANCE,
  FROM_SCHEDULER,
  type FromInstance,
  type FromScheduler,
} from '../../src/wire/messages.ts';
import { WireSession, type SessionEnd } from '../../src/wire/session.ts';
import { FakeClock } from '../support/fake-clock.ts';

const LIMITS = { frame_bytes_before_max: 1_000, frame_bytes_max: 100_000, frame_timeout_ms: 30_000 };
const REF = { name: 'faq-1', run: 1, attempt: 1, digest: '1:ab' };

/** A session of the scheduler's side at one end; the bare connection of an instance at the other. */
async function setup() {
  const clock = new FakeClock();
  const network = new MemoryNetwork({ timers: clock });
  const accepted = Promise.withResolvers<Connection>();
  await network.listen({ host: 'memory', port: 1 }, accepted.resolve);
  const connecting = network.connect({ host: 'memory', port: 1, timeout_ms: 1_000 });
  await clock.settle();
  const raw = await connecting;
  const session = new WireSession<FromInstance, FromScheduler>({
    connection: await accepted.promise,
    incoming: FROM_INSTANCE,
    clock,
    timers: clock,
    limits: LIMITS,
  });
  const heard: FromInstance[] = [];
  const ends: SessionEnd[] = [];
  const said: unknown[] = [];
  const writes: number[] = [];
  const decoder = new FrameDecoder(1_000_000);
  let closed: Error | null | undefined;
  raw.onData((bytes) => {
    writes.push(bytes.length);
    decoder.push(bytes, (value) => said.push(value) > 0);
  });
  raw.onClose((error) => {
    closed = error;
  });
  session.onMessage((message) => heard.push(message));
  session.onEnd((end) => ends.push(end));
  return { clock, network, raw, session, heard, ends, said, writes, closed: () => closed };
}

describe('a session', () => {
  it('sends everything of one tick in one write, in order', async () => {
    const { clock, session, said, writes } = await setup();
    session.send({ t: 'drain' });
    session.send({ t: 'unfollow', follow: 1 });
    session.send({ t: 'unfollow', follow: 2 });
    await clock.settle();
    expect(said).toEqual([{ t: 'drain' }, { t: 'unfollow', follow: 1 }, { t: 'unfollow', follow: 2 }]);
    expect(writes).toHaveLength(1);
  });

  it('counts what has not left', async () => {
    const { clock, session } = await setup();
    session.send({ t: 'drain' });
    expect(session.backlog_bytes).toBe(encodeFrame({ t: 'drain' }).length);
    await clock.settle();
    expect(session.backlog_bytes).toBe(0);
  });

  it('keeps messages that come before somebody listens', async () => {
    const { clock, raw, session } = await setup();
    const later: FromInstance[] = [];
    const fresh = new WireSession<FromScheduler, FromInstance>({
      connection: raw,
      incoming: FROM_SCHEDULER,
      clock,
      timers: clock,
      limits: LIMITS,
    });
    session.send({ t: 'drain' });
    await clock.settle();
    fresh.onMessage((message) => later.push(message as never));
    expect(later).toEqual([{ t: 'drain' }]);
  });

  it('takes large frames only after the limit is raised', async () => {
    const { clock, raw, session, heard, ends } = await setup();
    const large = encodeFrame({ t: 'accept', attempts: Array.from({ length: 100 }, () => REF) });
    session.raiseLimit();
    raw.send(large);
    await clock.settle();
    expect(heard).toHaveLength(1);
    expect(ends).toEqual([]);
  });

  it('ends at an oversize frame and tells the instance why', async () => {
    const { clock, raw, heard, ends, said, closed } = await setup();
    raw.send(Buffer.from([0x7f, 0, 0, 0]));
    await clock.settle();
    expect(heard).toEqual([]);
    expect(said).toEqual([expect.objectContaining({ t: 'refuse', code: 'BadMessage' })]);
    expect(ends).toEqual([expect.objectContaining({ code: 'bad_message', orderly: false })]);
    expect(ends[0]!.message).toContain('expected at most 1000 bytes, got length 2130706432');
    expect(closed()).toBe(null);
  });

  it.each([
    ['text that is no frame', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['an empty frame', Buffer.alloc(4)],
    ['a value that is no message', encodeFrame(17)],
    ['an unknown message', encodeFrame({ t: 'nonsense' })],
    ['a message of the other side', encodeFrame({ t: 'drain' })],
    ['a wrong shape', encodeFrame({ t: 'accept', attempts: [{ ...REF, run: -1 }] })],
    [
      'a name that would leave its folder',
      encodeFrame({ t: 'accept', attempts: [{ ...REF, name: '../x' }] }),
    ],
    ['a date where JSON belongs', encodeFrame(outcomeWith({ raw: { at: new Date(0) } }))],
    ['infinity where JSON belongs', encodeFrame(outcomeWith({ raw: { at: Number.POSITIVE_INFINITY } }))],
    ['a reason that only every object has', encodeFrame(outcomeWith({}, 'toString'))],
  ])('ends at %s, once', async (_what, bytes) => {
    const { clock, raw, heard, ends, said } = await setup();
    raw.send(bytes);
    raw.send(encodeFrame({ t: 'leaving' }));
    await clock.settle();
    expect(heard).toEqual([]);
    expect(ends.map((end) => end.code)).toEqual(['bad_message']);
    expect(said).toHaveLength(1);
  });

  it('says which field of which message is wrong', async () => {
    const { clock, raw, ends } = await setup();
    raw.send(encodeFrame({ t: 'accept', attempts: [{ ...REF, run: 'one' }] }));
    await clock.settle();
    expect(ends[0]!.message).toMatch(/^"accept": attempts\.0\.run: .*number/);
  });

  it('ends when half a frame stands for longer than frame_timeout_ms', async () => {
    const { clock, raw, ends } = await setup();
    raw.send(encodeFrame({ t: 'leaving' }).subarray(0, 6));
    await clock.advance(29_999);
    expect(ends).toEqual([]);
    await clock.advance(10);
    expect(ends.map((end) => end.code)).toEqual(['frame_timeout']);
  });

  it('measures the time of the frame that stands there, not of those before it', async () => {
    const { clock, raw, heard, ends } = await setup();
    const frame = encodeFrame({ t: 'leaving' });
    raw.send(frame.subarray(0, 6));
    for (let i = 0; i < 5; i += 1) {
      await clock.advance(20_000);
      raw.send(Buffer.concat([frame.subarray(6), frame.subarray(0, 6)]));
    }
    await clock.settle();
    expect(heard).toHaveLength(5);
    expect(ends).toEqual([]);
    await clock.advance(30_010);
    expect(ends.map((end) => end.code)).toEqual(['frame_timeout']);
    expect(clock.waiting).toBe(0);
  });

  it('is patient with silence between frames', async () => {
    const { clock, raw, ends } = await setup();
    raw.send(encodeFrame({ t: 'leaving' }));
    await clock.advance(3_600_000);
    expect(ends).toEqual([]);
  });

  it('says a last word and closes', async () => {
    const { clock, session, ends, said, closed } = await setup();
    session.end({ t: 'refuse', code: 'WrongToken', message: 'no' });
    session.send({ t: 'drain' });
    await clock.settle();
    expect(said).toEqual([{ t: 'refuse', code: 'WrongToken', message: 'no' }]);
    expect(ends).toEqual([{ code: 'closed', message: 'closed by this side', orderly: true }]);
    expect(closed()).toBe(null);
  });

  it('hears an orderly end of the peer, and one in the middle of a frame', async () => {
    const first = await setup();
    first.raw.close();
    await first.clock.settle();
    expect(first.ends).toEqual([{ code: 'closed', message: 'closed by the peer', orderly: true }]);
    const second = await setup();
    second.raw.send(encodeFrame({ t: 'leaving' }).subarray(0, 5));
    second.raw.close();
    await second.clock.settle();
    expect(second.ends.map((end) => end.orderly)).toEqual([false]);
  });

  it('hears a reset once, whatever is done afterwards', async () => {
    const { clock, network, session, ends } = await setup();
    network.links[0]!.reset();
    await clock.settle();
    session.destroy();
    session.end();
    await clock.settle();
    expect(ends.map((end) => [end.code, end.orderly])).toEqual([['connection_error', false]]);
  });

  it('hears nothing after its own destroy', async () => {
    const { clock, raw, session, heard, ends } = await setup();
    raw.send(encodeFrame({ t: 'leaving' }));
    session.destroy();
    await clock.settle();
    expect(heard).toEqual([]);
    expect(ends.map((end) => end.code)).toEqual(['destroyed']);
  });

  it('tells a listener that comes after the end at once', async () => {
    const { session, ends } = await setup();
    session.destroy();
    const late: SessionEnd[] = [];
    session.onEnd((end) => late.push(end));
    expect(late).toEqual(ends);
    expect(late).toHaveLength(1);
  });

  it('sends frames that were encoded before', async () => {
    const { clock, session, said } = await setup();
    const frame = encodeFrame({ t: 'drain' });
    session.sendFrame(frame);
    await clock.settle();
    expect(said).toEqual([decodeFrame(frame)]);
  });
});

describe('checking what arrives', () => {
  it('costs well under a quarter of a core for 10,000 outcomes a second', () => {
    const frame = encodeFrame(outcomeWith({ raw: { prompt_tokens: 100, completion_tokens: 20 } }));
    const rounds = 5_000;
    const check = (): void => {
      for (let i = 0; i < rounds; i += 1) FROM_INSTANCE.parse(decodeFrame(frame));
    };
    check();
    const cpu = process.cpuUsage();
    check();
    const used = process.cpuUsage(cpu);
    const us_each = (used.user + used.system) / rounds;
    expect(us_each).toBeLessThan(25);
  });
});

function outcomeWith(usage: { raw?: object }, reason_code = 'ProviderError'): object {
  const timings = { queued_ms: 1, build_ms: 2, first_token_ms: null, call_ms: 4 };
  return {
    t: 'outcome',
    report: {
      ...REF,
      store_id: 's',
      outcome: 'succeeded',
      answer: {
        text: 'hello',
        meta: {
          model: 'm',
          model_answered: null,
          endpoint: 'e',
          endpoint_kind: 'simulator',
          parameters_sent: {},
          finish_reason: 'stop',
          warnings: [],
          usage: { input: 1, cached: null, output: 1, reasoning: null, raw: {}, ...usage },
          timings,
          cost: null,
        },
      },
      failure: { blame: 'job', reason_code, message: '', scope: 'model', retry_after_ms: null },
      timings,
      log: '',
    },
  };
}
