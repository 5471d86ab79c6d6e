import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import type { Peer } from './peer.ts';
import { Stage } from './stage.ts';
import { BEAT, PORT, TERM } from './terms.ts';

let stage: Stage;
afterEach(() => stage.close());

const refusal = (peer: Peer) => peer.of('refuse')[0];

async function rawConnection() {
  const connecting = stage.network.connect({ host: 'memory', port: PORT, timeout_ms: 1_000 });
  await stage.settle();
  const connection = await connecting;
  const heard: Uint8Array[] = [];
  let closed = false;
  connection.onData((bytes) => heard.push(bytes));
  connection.onClose(() => {
    closed = true;
  });
  return { connection, text: () => Buffer.concat(heard).toString('latin1'), isClosed: () => closed };
}

describe('a hello', () => {
  it('R23, R28: is answered with an integer id, the database and the terms', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    expect(peer.welcome).toEqual({
      t: 'welcome',
      protocol: 2,
      id: 1,
      store_id: stage.service.store_id,
      lease_ttl_ms: TERM,
      heartbeat_ms: BEAT,
    });
    expect((await stage.now(stage.service.status())).instances).toMatchObject([
      { id: 1, name: 'gpu-1', state: 'connected', slots: 4, endpoints: ['e'], version: '0.0.0' },
    ]);
  });

  it('with a wrong token is refused with what to do, and closed', async () => {
    stage = await Stage.open();
    const peer = await stage.greet({ token: 'guess' });
    expect(refusal(peer)).toMatchObject({
      code: 'WrongToken',
      message: expect.stringContaining('instance.token'),
    });
    await stage.settle();
    expect(peer.end).not.toBe(null);
    expect(stage.reads.instances()).toEqual([]);
  });

  it('of another protocol is refused, naming both', async () => {
    stage = await Stage.open();
    const peer = await stage.greet({ protocol: 9, version: '9.1.0' });
    expect(refusal(peer)).toMatchObject({
      code: 'WrongProtocol',
      message: expect.stringMatching(/protocol 2.*9\.1\.0.*9/),
    });
  });

  it('that does not come in time ends the connection', async () => {
    stage = await Stage.open();
    const raw = await rawConnection();
    await stage.clock.advance(LIMITS.hello_timeout_ms - 1);
    expect(raw.isClosed()).toBe(false);
    await stage.clock.advance(10);
    expect(raw.text()).toContain('HelloTimeout');
    expect(raw.isClosed()).toBe(true);
  });

  it.each([
    ['something else first', encodeFrame({ t: 'accept', attempts: [] }), 'BadMessage'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'BadMessage'],
    ['a frame too large for a stranger', Buffer.from([0, 16, 0, 0]), 'BadMessage'],
  ])('%s: is refused and closed', async (_what, bytes, code) => {
    stage = await Stage.open();
    const raw = await rawConnection();
    raw.connection.send(bytes);
    await stage.settle();
    expect(raw.text()).toContain(code);
    expect(raw.isClosed()).toBe(true);
  });
});

describe('a name', () => {
  it('in use by another process is refused, naming where it is', async () => {
    stage = await Stage.open();
    const first = await stage.attach();
    const second = await stage.greet({ process_id: 'process-2' });
    expect(refusal(second)).toMatchObject({
      code: 'NameInUse',
      message: expect.stringMatching(/"gpu-1".*--name/),
    });
    expect(first.end).toBe(null);
  });

  it('R27: taken by two processes in one moment goes to one of them', async () => {
    stage = await Stage.open();
    stage.store.hold();
    const greetings = [stage.greet({ process_id: 'process-1' }), stage.greet({ process_id: 'process-2' })];
    await stage.settle();
    stage.store.letGo();
    await stage.settle();
    const peers = await Promise.all(greetings);
    expect(peers.flatMap((peer) => peer.of('welcome'))).toHaveLength(1);
    expect(peers.flatMap((peer) => refusal(peer)?.code ?? [])).toEqual(['NameInUse']);
  });

  it('of an instance that is silent for a term is free for another process', async () => {
    stage = await Stage.open();
    const first = await stage.attach();
    stage.network.links[0]!.blackHole();
    await stage.clock.advance(TERM - 1_000);
    expect(refusal(await stage.greet({ process_id: 'process-2' }))?.code).toBe('NameInUse');
    await stage.clock.advance(1_500);
    expect((await stage.greet({ process_id: 'process-2' })).welcome.id).toBe(first.welcome.id);
  });

  it('F55: is still in use after a pause of the scheduler: the silence was its own', async () => {
    stage = await Stage.open();
    const first = await stage.attach();
    await stage.submit('a');
    stage.clock.freeze(TERM * 10);
    const second = await stage.greet({ process_id: 'process-2' });
    expect(refusal(second)?.code).toBe('NameInUse');
    expect(first.end).toBe(null);
    await stage.live(TERM, [first, ['a']]);
    expect(stage.outcomes('a')).toEqual(['running/free']);
  });

  it('of a process that reconnects is its own: the old connection is closed', async () => {
    stage = await Stage.open();
    const first = await stage.attach();
    const again = await stage.attach();
    expect(again.welcome.id).toBe(first.welcome.id);
    expect(first.end).not.toBe(null);
    await stage.submit('a');
    expect(again.dispatched).toEqual(['a#1']);
  });

  it('is free again when its process is gone', async () => {
    stage = await Stage.open();
    const first = await stage.attach();
    first.hangUp();
    await stage.settle();
    const second = await stage.attach({ process_id: 'process-2' });
    expect(second.welcome.id).toBe(first.welcome.id);
  });
});

describe('a session', () => {
  it('that says something unknown is refused and closed; its leases go on', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    peer.say({ t: 'hello', ...peer.hello });
    await stage.settle();
    expect(refusal(peer)).toMatchObject({ code: 'BadMessage' });
    const back = await stage.attach({}, [peer.held('a')]);
    back.answer('a', 'x', peer.order('a'));
    await stage.settle();
    expect(stage.state('a')).toBe('completed');
  });

  it('G18: is told that the scheduler stops; its attempts go on', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    await stage.stop();
    expect(refusal(peer)).toMatchObject({ code: 'ShuttingDown' });
    expect(peer.aborted).toEqual([]);
    expect(stage.clock.waiting).toBe(0);
    await stage.start();
    expect(stage.state('a')).toBe('running');
  });

  it('R23: large orders leave in several frames', async () => {
    stage = await Stage.open();
    const peer = await stage.attach({ slots: 4 });
    const text = (name: string) => `${name} `.repeat(1_500_000);
    await stage.submit(
      ...['a', 'b', 'c', 'd'].map((name): [string, { text: string }] => [name, { text: text(name) }]),
    );
    expect(peer.dispatched).toHaveLength(4);
    expect(peer.of('dispatch').length).toBeGreaterThan(1);
  });
});
