import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { FollowEnd, LogPiece } from '../../src/core/ports/scheduler.ts';
import type { Peer } from './peer.ts';
import { Stage } from './stage.ts';

let stage: Stage;
afterEach(() => stage.close());

const WAIT = LIMITS.live_state_wait_ms;

async function running(name = 'a'): Promise<Peer> {
  stage = await Stage.open();
  const peer = await stage.attach();
  await stage.submit(name);
  return peer;
}

describe('the live state of a run', () => {
  it('R25: is what the instance says of it when asked', async () => {
    const peer = await running();
    const live = stage.service.live('a', 1, WAIT);
    await stage.settle();
    const [request] = peer.of('state_request');
    expect(request).toMatchObject({ attempt: { name: 'a', run: 1, attempt: 1 } });
    peer.say({
      t: 'state',
      request: request!.request,
      live: { phase: 'streaming', tokens: 12, elapsed_ms: 40, pid: 7 },
    });
    expect(await stage.now(live)).toMatchObject({ phase: 'streaming', tokens: 12, elapsed_ms: 40 });
  });

  it('R25: is waited for a fixed time, then there is none; what comes later harms nobody', async () => {
    const peer = await running();
    const live = stage.service.live('a', 1, WAIT);
    let answered = false;
    void live.then(() => (answered = true));
    await stage.clock.advance(WAIT - 1);
    expect(answered).toBe(false);
    await stage.clock.advance(1);
    expect(await live).toBe(null);
    peer.say({ t: 'state', request: peer.of('state_request')[0]!.request, live: null });
    await stage.settle();
    expect(peer.end).toBe(null);
  });

  it('R25: is none at once where nobody runs it, or its instance is away', async () => {
    const peer = await running();
    expect(await stage.now(stage.service.live('nobody', 1, WAIT))).toBe(null);
    const asked = stage.service.live('a', 1, WAIT);
    peer.hangUp();
    expect(await stage.now(asked)).toBe(null);
    expect(await stage.now(stage.service.live('a', 1, WAIT))).toBe(null);
  });
});

/** Follows from an offset; gives what came and how it ended. */
function follow(offset: number, stop = new AbortController()) {
  const pieces: LogPiece[] = [];
  const seen: { pieces: LogPiece[]; end: FollowEnd | null } = { pieces, end: null };
  void stage.service
    .follow('a', 1, { attempt: 1, offset }, (piece) => pieces.push(piece), stop.signal)
    .then((end) => {
      seen.end = end;
    });
  return { ...seen, stop, texts: () => pieces.map(({ text }) => text), end: () => seen.end };
}

const line = (text: string): string => `${JSON.stringify({ at: 1, stream: 'stdout', text })}\n`;

describe('a followed log', () => {
  const LOG = ['one', 'zwei ü', '三', 'four'].map(line).join('');
  const send = (peer: Peer, from: number, to: number, nth = 0) => {
    const { follow: id } = peer.of('follow')[nth]!;
    const text = Buffer.from(LOG).subarray(from, to).toString();
    peer.say({ t: 'log', follow: id, attempt: 1, offset: from, text, end: false });
  };

  it('R24: streams while the job runs, entry by entry, however the bytes are cut', async () => {
    const peer = await running();
    const seen = follow(0);
    await stage.settle();
    expect(peer.of('follow')).toMatchObject([{ offset: 0, attempt: { name: 'a', attempt: 1 } }]);
    // A cut in the middle of an entry; characters are kept whole by the instance.
    send(peer, 0, 20);
    await stage.settle();
    expect(seen.texts()).toEqual([]);
    send(peer, 20, Buffer.byteLength(line('one')) + 5);
    await stage.settle();
    expect(seen.texts()).toEqual(['one']);
    send(peer, Buffer.byteLength(line('one')) + 5, LOG.length * 2);
    await stage.settle();
    expect(seen.texts()).toEqual(['one', 'zwei ü', '三', 'four']);
    expect(seen.pieces.at(-1)).toMatchObject({
      attempt: 1,
      stream: 'stdout',
      offset: Buffer.byteLength(LOG),
    });
  });

  it('R24: loses nothing and repeats nothing over a reconnect', async () => {
    const peer = await running();
    const first = follow(0);
    await stage.settle();
    send(peer, 0, Buffer.byteLength(line('one')) + 7);
    await stage.settle();
    peer.hangUp();
    await stage.settle();
    expect(first.end()).toBe('gone');
    const back = await stage.attach({}, [peer.held('a')]);
    const second = follow(first.pieces.at(-1)!.offset);
    await stage.settle();
    expect(back.of('follow')).toMatchObject([{ offset: Buffer.byteLength(line('one')) }]);
    // The instance begins earlier than it was asked to: what is known is cut off.
    send(back, 0, LOG.length * 2);
    await stage.settle();
    expect([...first.texts(), ...second.texts()]).toEqual(['one', 'zwei ü', '三', 'four']);
  });

  it('R24: ends when the outcome is committed, and with it the place of the log', async () => {
    const peer = await running();
    const seen = follow(0);
    await stage.settle();
    stage.store.hold();
    peer.report(peer.order('a'), { outcome: 'errored', log: LOG });
    await stage.settle();
    expect(seen.end()).toBe(null);
    stage.store.letGo();
    await stage.settle();
    expect(seen.end()).toBe('ended');
    expect(stage.logs).toEqual([LOG]);
    expect(stage.attempts('a')[0]).toMatchObject({ log_file: 'log', log_bytes: Buffer.byteLength(LOG) });
  });

  it('is let go when nobody listens any more', async () => {
    const peer = await running();
    const seen = follow(0);
    await stage.settle();
    seen.stop.abort();
    await stage.settle();
    expect(seen.end()).toBe('gone');
    expect(peer.of('unfollow')).toHaveLength(1);
  });

  it('of an attempt that does not run is gone at once', async () => {
    await running();
    const ends = await stage.now(
      Promise.all([
        stage.service.follow(
          'nobody',
          1,
          { attempt: 1, offset: 0 },
          () => undefined,
          new AbortController().signal,
        ),
        stage.service.follow(
          'a',
          1,
          { attempt: 2, offset: 0 },
          () => undefined,
          new AbortController().signal,
        ),
        stage.service.follow('a', 1, { attempt: 1, offset: 0 }, () => undefined, AbortSignal.abort()),
      ]),
    );
    expect(ends).toEqual(['gone', 'gone', 'gone']);
  });

  it('G15: with bytes missing goes on behind them; the offset shows the gap', async () => {
    const peer = await running();
    const seen = follow(0);
    await stage.settle();
    const [one, two] = [Buffer.byteLength(line('one')), Buffer.byteLength(line('zwei ü'))];
    send(peer, 0, one + 4);
    send(peer, one + two - 3, LOG.length * 2);
    await stage.settle();
    expect(seen.texts()).toEqual(['one', '三', 'four']);
    expect(seen.pieces[1]!.offset).toBe(one + two + Buffer.byteLength(line('三')));
  });

  it('G16: that is no log harms nobody: lines that are no entries are passed over, one without an end is given up', async () => {
    const peer = await running();
    const seen = follow(0);
    await stage.settle();
    const { follow: id } = peer.of('follow')[0]!;
    const rubbish = 'no json\n{"at":1}\nnull\n{"at":"x","stream":"stdout","text":"t"}\n';
    peer.say({ t: 'log', follow: id, attempt: 1, offset: 0, text: rubbish, end: false });
    peer.say({ t: 'log', follow: id, attempt: 1, offset: rubbish.length, text: line('fine'), end: false });
    await stage.settle();
    expect(seen.texts()).toEqual(['fine']);
    peer.say({
      t: 'log',
      follow: id,
      attempt: 1,
      offset: rubbish.length + line('fine').length,
      text: 'x'.repeat(LIMITS.log_bytes_max + 1),
      end: false,
    });
    await stage.settle();
    expect(seen.end()).toBe('gone');
    expect(peer.end).toBe(null);
  });
});
