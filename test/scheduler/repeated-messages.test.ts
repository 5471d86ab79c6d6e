/** F58, F59, F84: what instances say twice, too late, or of what is not theirs. */
import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { LogPiece } from '../../src/core/ports/scheduler.ts';
import type { Peer } from './peer.ts';
import { Stage } from './stage.ts';
import { BEAT } from './terms.ts';

let stage: Stage;
afterEach(() => stage.close());

/** From now on it says everything so many times. */
function stutter(peer: Peer, times: number): void {
  const say = peer.say.bind(peer);
  peer.say = (message) => {
    for (let nth = 0; nth < times; nth += 1) say(message);
  };
}

async function attached(times: number): Promise<Peer> {
  const peer = await stage.greet();
  stutter(peer, times);
  peer.say({ t: 'holding', held: [], last: true });
  await stage.settle();
  return peer;
}

/** Answers, failures, a cancel, a throttled attempt and a drain, told by an instance that says each of its words so often. */
async function story(times: number) {
  stage = await Stage.open();
  const peer = await attached(times);
  await stage.submit('answered', 'retried', 'cancelled', 'throttled');
  const names = ['answered', 'retried', 'cancelled', 'throttled'];
  await stage.live(BEAT, [peer, names]);
  peer.answer('answered');
  peer.fail('retried');
  await stage.cancel('cancelled');
  peer.cancelled('cancelled');
  peer.fail('throttled', { blame: 'throttled', reason_code: 'EndpointThrottled', retry_after_ms: 2_000 });
  await stage.clock.advance(3 * LIMITS.backoff_base_ms);
  // One request goes first where an endpoint has throttled; the other one follows its answer.
  for (const name of ['retried', 'throttled']) {
    peer.answer(name);
    await stage.settle();
  }
  await stage.live(BEAT, [peer, [], 'draining']);
  const told = {
    rows: names.map((name) => [name, stage.state(name), stage.text(name), stage.outcomes(name)]),
    runs: stage.reads.counts(['state'], {}),
    unpublished: stage.reads.unpublished(),
    dispatched: peer.dispatched,
    aborted: peer.aborted,
    refused: peer.of('refuse'),
    turn_failures: stage.failures(),
    instances: (await stage.now(stage.service.status())).instances.map(({ name, state, running }) => ({
      name,
      state,
      running,
    })),
  };
  await stage.close();
  return told;
}

describe('an instance that says everything several times', () => {
  it('F58: changes nothing by it: rows, orders and files are those of one that says it once', async () => {
    const once = await story(1);
    expect(once.rows).toEqual([
      ['answered', 'completed', 'answer of answered', ['succeeded/free']],
      ['retried', 'completed', 'answer of retried', ['errored/errors', 'succeeded/free']],
      ['cancelled', 'cancelled', null, ['cancelled/free']],
      ['throttled', 'completed', 'answer of throttled', ['rate_limited/rate_limited', 'succeeded/free']],
    ]);
    expect(await story(2)).toEqual(once);
    expect(await story(5)).toEqual(once);
    stage = await Stage.open();
  });

  it('F58: hears of each of its outcomes that it is stored, so that none is kept for ever', async () => {
    stage = await Stage.open();
    const peer = await attached(3);
    await stage.submit('a');
    peer.answer('a');
    await stage.settle();
    expect(peer.taken[0]).toBe('a#1 taken');
    expect(new Set(peer.acknowledged)).toEqual(new Set(['a#1']));
  });

  it('F58: lists what it holds again after it was settled: that is neither kept nor believed', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit('a');
    peer.say({ t: 'holding', held: [], last: true });
    await stage.settle();
    expect(stage.state('a'), 'a second settlement would have taken it back').toBe('running');
    expect(peer.dispatched).toEqual(['a#1']);
    peer.answer('a');
    await stage.settle();
    expect(stage.state('a')).toBe('completed');
  });
});

describe('what comes late', () => {
  it('F59: an outcome under way on the old connection and spooled for the new one is taken once', async () => {
    stage = await Stage.open();
    const old = await stage.attach();
    await stage.submit('a');
    old.answer('a', 'the answer');
    const back = await stage.attach({}, [old.held('a', { spooled: true })]);
    back.answer('a', 'the answer', old.order('a'));
    await stage.settle();
    expect(stage.text('a')).toBe('the answer');
    expect(stage.outcomes('a')).toEqual(['succeeded/free']);
    expect(stage.reads.unpublished()).toBe(2);
    expect(back.acknowledged).toEqual(['a#1']);
  });

  it('F59: an old connection says nothing any more once its process has come back on a new one', async () => {
    stage = await Stage.open();
    const old = await stage.attach();
    await stage.submit('a');
    const back = await stage.attach({}, [old.held('a')]);
    old.fail('a');
    old.say({ t: 'leaving' });
    old.hangUp();
    await stage.settle();
    expect(stage.state('a')).toBe('running');
    expect((await stage.now(stage.service.status())).instances).toMatchObject([{ state: 'connected' }]);
    back.answer('a', 'x', old.order('a'));
    await stage.settle();
    expect(stage.state('a')).toBe('completed');
  });

  it('F59: an accept of an attempt before the current one says nothing of that', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    peer.accepts = false;
    await stage.submit('a');
    const first = peer.order('a');
    peer.fail('a');
    await stage.clock.advance(LIMITS.backoff_base_ms * 2);
    expect(peer.dispatched).toEqual(['a#1', 'a#2']);
    peer.say({ t: 'accept', attempts: [{ name: 'a', run: 1, attempt: 1, digest: first.digest }] });
    await stage.clock.advance(LIMITS.accept_timeout_ms);
    expect(peer.end, 'the second was never accepted, so the connection counts as dead').not.toBe(null);
  });
});

describe('an instance that speaks for another one', () => {
  async function two() {
    stage = await Stage.open();
    const owner = await stage.attach({ name: 'owner', process_id: 'p1', slots: 1 });
    await stage.submit('a');
    const liar = await stage.attach({ name: 'liar', process_id: 'p2', slots: 1 });
    return { owner, liar };
  }

  it('F84: does not answer what was asked of the owner', async () => {
    const { owner, liar } = await two();
    const live = stage.service.live('a', 1, 250);
    await stage.settle();
    const { request } = owner.of('state_request')[0]!;
    const state = { phase: 'ending', tokens: 1, elapsed_ms: 1, pid: 1 } as const;
    liar.say({ t: 'state', request, live: state });
    await stage.settle();
    owner.say({ t: 'state', request, live: { ...state, phase: 'streaming', tokens: 2 } });
    expect(await stage.now(live)).toMatchObject({ phase: 'streaming', tokens: 2 });
  });

  it('F84: writes nothing into a log that is followed', async () => {
    const { owner, liar } = await two();
    const pieces: LogPiece[] = [];
    const stop = new AbortController();
    const from = { attempt: 1, offset: 0 };
    const followed = stage.service.follow('a', 1, from, (piece) => pieces.push(piece), stop.signal);
    await stage.settle();
    const { follow } = owner.of('follow')[0]!;
    const line = (text: string) => `${JSON.stringify({ at: 1, stream: 'stdout', text })}\n`;
    liar.say({ t: 'log', follow, attempt: 1, offset: 0, text: line('forged'), end: false });
    await stage.settle();
    owner.say({ t: 'log', follow, attempt: 1, offset: 0, text: line('real'), end: false });
    await stage.settle();
    expect(pieces.map(({ text }) => text)).toEqual(['real']);
    stop.abort();
    await followed;
  });

  it('F84: accepts nothing in its place, and renews none of its leases', async () => {
    stage = await Stage.open();
    const owner = await stage.greet({ name: 'owner', process_id: 'p1' });
    owner.accepts = false;
    owner.say({ t: 'holding', held: [], last: true });
    await stage.settle();
    await stage.submit('a');
    const { name, run, attempt, digest } = owner.order('a');
    const liar = await stage.attach({ name: 'liar', process_id: 'p2' });
    liar.say({ t: 'accept', attempts: [{ name, run, attempt, digest }] });
    liar.beat([owner.order('a')]);
    await stage.clock.advance(LIMITS.accept_timeout_ms);
    expect(liar.gone).toEqual(['a#1']);
    expect(owner.end, 'it did not accept in time').not.toBe(null);
    expect(liar.end).toBe(null);
  });
});
