import { afterEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { endpointOf, Stage } from './stage.ts';
import { ACCEPT, BEAT, TERM } from './terms.ts';

let stage: Stage;
afterEach(() => stage.close());

async function running(...names: readonly string[]) {
  stage = await Stage.open();
  const peer = await stage.attach();
  await stage.submit(...names);
  return peer;
}

describe('a heartbeat', () => {
  it('R23: renews the leases that it lists, and those only', async () => {
    const peer = await running('a', 'b');
    await stage.live(TERM - BEAT, [peer, ['a']]);
    expect(stage.outcomes('b')).toEqual(['running/free']);
    await stage.live(BEAT * 2, [peer, ['a']]);
    expect(stage.outcomes('a')).toEqual(['running/free']);
    expect(stage.outcomes('b')[0]).toBe('lost/lost');
    await stage.live(TERM * 4, [peer, ['a']]);
    expect(stage.outcomes('a')).toEqual(['running/free']);
  });

  it('is answered with those that are no longer the instance’s', async () => {
    const peer = await running('a', 'b');
    const { name, run, digest } = peer.order('b');
    peer.beat([
      peer.order('a'),
      { name, run, digest, attempt: 7 },
      { name: 'other', run: 1, attempt: 1, digest },
    ]);
    await stage.settle();
    expect(peer.of('renewed').at(-1)).toMatchObject({ seq: 1 });
    expect(peer.gone).toEqual(['b#7', 'other#1']);
  });

  it('R27: of one instance renews nothing of another', async () => {
    const peer = await running('a');
    const other = await stage.attach({ name: 'gpu-2', process_id: 'process-2' });
    for (let i = 0; i < 4; i += 1) {
      other.beat([peer.order('a')]);
      peer.beat([]);
      await stage.clock.advance(BEAT);
    }
    expect(other.gone.length).toBeGreaterThan(0);
    expect(stage.outcomes('a')[0]).toBe('lost/lost');
  });

  it('passes no turn', async () => {
    const peer = await running('a');
    const before = (await stage.now(stage.service.status())).turns;
    await stage.live(TERM * 10, [peer, ['a']]);
    expect((await stage.now(stage.service.status())).turns).toBe(before);
  });
});

describe('a lease that nobody renews', () => {
  it('R23: ends with its term: the run is asked again elsewhere, and the first instance told to stop', async () => {
    const peer = await running('a');
    const other = await stage.attach({ name: 'gpu-2', process_id: 'process-2' });
    peer.beat([], true);
    await stage.live(TERM - 500, [other, []]);
    expect(other.dispatched).toEqual([]);
    peer.beat([], true);
    await stage.live(1_000, [other, []]);
    expect(other.dispatched).toEqual(['a#2']);
    expect(peer.aborted).toEqual(['a#1 lease_lost']);
    expect(stage.run('a')).toMatchObject({ lost: 1, errors: 0 });
  });

  it('F60: on a half-open connection ends within the term, and nothing new is given to it', async () => {
    const peer = await running('a');
    const other = await stage.attach({ name: 'gpu-2', process_id: 'process-2' });
    stage.network.links[0]!.blackHole();
    await stage.live(TERM + 500, [other, []]);
    expect(other.dispatched).toEqual(['a#2']);
    expect(
      (await stage.now(stage.service.status())).instances.find(({ name }) => name === 'gpu-1'),
    ).toMatchObject({ state: 'disconnected' });
    peer.hangUp();
  });

  it('F60: ends before the silence of its instance is a term long, and the run is not given to that one again', async () => {
    const peer = await running('a', 'b');
    peer.beat([peer.order('a'), peer.order('b')]);
    await stage.clock.advance(BEAT - 1);
    // The last that is heard of it renews nothing.
    peer.answer('b');
    await stage.settle();
    stage.network.links[0]!.blackHole();
    await stage.clock.advance(TERM - BEAT + 500);
    expect(stage.outcomes('a')).toEqual(['lost/lost']);
    expect(stage.state('a')).toBe('queued');
    const other = await stage.attach({ name: 'gpu-2', process_id: 'process-2' });
    expect(other.dispatched).toEqual(['a#2']);
    peer.hangUp();
  });

  it('an idle instance that falls silent is given no work any more', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    stage.network.links[0]!.blackHole();
    await stage.clock.advance(TERM + 500);
    await stage.submit('a');
    expect(stage.state('a')).toBe('queued');
    expect(stage.outcomes('a')).toEqual([]);
    peer.hangUp();
  });

  it('ends a run that is lost again and again: a poison pill', async () => {
    const peer = await running('a');
    for (let i = 0; i < 12; i += 1) await stage.live(BEAT * 2, [peer, []]);
    expect(stage.run('a')).toMatchObject({
      state: 'failed',
      reason_code: 'LostTooOften',
      lost: 5,
      errors: 0,
    });
  });

  it('G14 R17: ends at the deadline of its attempt, whatever the instance says', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(['a', { options: { attempt_timeout_ms: 60_000, max_attempts: 1 } }]);
    await stage.live(60_000, [peer, ['a']]);
    expect(stage.state('a')).toBe('running');
    await stage.live(40_000, [peer, ['a']]);
    expect(stage.run('a')).toMatchObject({ state: 'failed', reason_code: 'TotalTimeout' });
    expect(stage.outcomes('a')).toEqual(['timed_out/errors']);
    expect(peer.aborted).toEqual(['a#1 lease_lost']);
  });

  it('R17: that has ended at its deadline counts for its endpoint no more: the run is tried again, and what is said of it late is nothing', async () => {
    stage = await Stage.open({ endpoints: [endpointOf('e', { max_concurrent: 1 })] });
    const peer = await stage.attach();
    await stage.submit(['a', { options: { attempt_timeout_ms: 60_000, max_attempts: 2 } }]);
    const first = peer.order('a');
    await stage.live(100_000, [peer, ['a']]);
    expect(peer.dispatched).toEqual(['a#1', 'a#2']);
    peer.fail('a', {}, first);
    await stage.settle();
    expect(stage.outcomes('a')).toEqual(['timed_out/errors', 'running/free']);
    peer.answer('a');
    await stage.settle();
    expect(stage.state('a')).toBe('completed');
  });
});

describe('a dispatch', () => {
  it('R23: that is not accepted in time closes the session; the instance that comes back without it gets it again, free', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    peer.accepts = false;
    await stage.submit('a');
    await stage.clock.advance(ACCEPT - 500);
    expect(peer.end).toBe(null);
    await stage.clock.advance(1_000);
    expect(peer.end).not.toBe(null);
    const back = await stage.attach();
    expect(back.dispatched).toEqual(['a#2']);
    expect(stage.outcomes('a')).toEqual(['lost/free', 'running/free']);
    expect(stage.run('a')).toMatchObject({ lost: 0 });
  });

  it('that was heard of in a heartbeat needs no other accept', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    peer.accepts = false;
    await stage.submit('a');
    await stage.live(TERM * 2, [peer, ['a']]);
    expect(peer.end).toBe(null);
    expect(stage.outcomes('a')).toEqual(['running/free']);
  });
});

describe('an instance that comes back', () => {
  it('R23: finds what it holds, with a fresh term: nothing is asked twice', async () => {
    const peer = await running('a');
    peer.hangUp();
    await stage.clock.advance(TERM - 1_000);
    const back = await stage.attach({}, [peer.held('a')]);
    await stage.clock.advance(TERM - 1_000);
    back.answer('a', 'kept on', peer.order('a'));
    await stage.settle();
    expect(stage.outcomes('a')).toEqual(['succeeded/free']);
    expect(back.dispatched).toEqual([]);
  });

  it('R23: as the same process without it: the dispatch never arrived, it is queued again at once, free', async () => {
    const peer = await running('a');
    peer.hangUp();
    const back = await stage.attach();
    expect(stage.outcomes('a')).toEqual(['lost/free', 'running/free']);
    expect(back.dispatched).toEqual(['a#2']);
  });

  it('R23: as a new process without it: it is lost with the old one, at once', async () => {
    const peer = await running('a');
    peer.hangUp();
    const back = await stage.attach({ process_id: 'process-2' });
    expect(stage.outcomes('a')).toEqual(['lost/lost', 'running/free']);
    expect(back.dispatched).toEqual(['a#2']);
  });

  it('F20: as a new process with the outcome in its spool: that is waited for', async () => {
    const peer = await running('a');
    peer.hangUp();
    const back = await stage.attach({ process_id: 'process-2' }, [peer.held('a', { spooled: true })]);
    expect(stage.outcomes('a')).toEqual(['running/free']);
    back.answer('a', 'from the spool', peer.order('a'));
    await stage.settle();
    expect(stage.text('a')).toBe('from the spool');
    expect(back.acknowledged).toEqual(['a#1']);
  });

  it('with what is not its any more is told to stop it', async () => {
    const peer = await running('a');
    peer.hangUp();
    await stage.clock.advance(TERM + 1_000);
    const other = await stage.attach({ name: 'gpu-2', process_id: 'process-2' });
    expect(other.dispatched).toEqual(['a#2']);
    const back = await stage.attach({}, [peer.held('a')]);
    expect(back.aborted).toEqual(['a#1 lease_lost']);
    expect(stage.outcomes('a')).toEqual(['lost/lost', 'running/free']);
  });

  it('R27: with two attempts of one run, the old one in its spool, keeps the one that runs', async () => {
    const peer = await running('a');
    await stage.live(TERM + 1_000, [peer, []]);
    expect(peer.dispatched).toEqual(['a#1', 'a#2']);
    const [first, second] = peer.orders;
    peer.hangUp();
    const [old, now] = [peer.held('a', { attempt: 1, spooled: true }), peer.held('a')];
    const back = await stage.attach({}, [now, old]);
    expect(stage.outcomes('a')).toEqual(['lost/lost', 'running/free']);
    expect(back.aborted).toEqual([]);
    back.answer('a', 'the old one', first);
    await stage.settle();
    expect(back.aborted).toEqual([`a#${second!.attempt} superseded`]);
  });

  it('R27: with only the old attempt of a run keeps nothing of the new one: its dispatch never arrived', async () => {
    const peer = await running('a');
    await stage.live(TERM + 1_000, [peer, []]);
    expect(peer.dispatched).toEqual(['a#1', 'a#2']);
    peer.hangUp();
    const back = await stage.attach({}, [peer.held('a', { attempt: 1, spooled: true })]);
    expect(stage.outcomes('a')).toEqual(['lost/lost', 'lost/free']);
    // The outcome of the old one is on its way; where it does not come, nobody waits for ever.
    expect(back.dispatched).toEqual([]);
    await stage.live(LIMITS.spooled_wait_ms + BEAT, [back, []]);
    expect(stage.outcomes('a')).toEqual(['lost/lost', 'lost/free', 'running/free']);
    expect(back.dispatched).toEqual(['a#3']);
  });

  it('with what another database gave it is told to stop it, and renews nothing here', async () => {
    const peer = await running('a');
    peer.hangUp();
    const back = await stage.attach({ slots: 1 }, [peer.held('a', { store_id: 'another' })]);
    expect(back.aborted).toEqual(['a#1 lease_lost']);
    expect(stage.outcomes('a')).toEqual(['lost/free', 'running/free']);
  });

  it('R27: on a new connection before the old one was seen to end is given nothing before it has said what it holds', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    stage.network.links[0]!.blackHole();
    stage.store.hold();
    const submitted = stage.submit('first');
    await stage.settle();
    const late = stage.submit('second');
    const greeting = stage.greet();
    await stage.settle();
    stage.store.letGo();
    await stage.settle();
    const [back] = await Promise.all([greeting, submitted, late]);
    await stage.submit('third');
    // Only a turn that was on its way to disk could still choose the old connection.
    expect(back.dispatched).toEqual([]);
    back.say({ t: 'holding', held: [], last: true });
    await stage.settle();
    expect(back.dispatched.toSorted()).toEqual(['first#2', 'second#1', 'third#1']);
    expect(stage.run('first')).toMatchObject({ lost: 0 });
    peer.hangUp();
  });
});

describe('proof of death', () => {
  it('R23: a process of this machine that is gone ends its leases within a second', async () => {
    const peer = await running('a', 'b');
    const other = await stage.attach({ name: 'gpu-2', process_id: 'process-2', pid: 1 });
    stage.dead.add(4711);
    peer.hangUp();
    await stage.clock.advance(1_000);
    expect(other.dispatched.toSorted()).toEqual(['a#2', 'b#2']);
    expect(stage.run('a')).toMatchObject({ lost: 1 });
  });

  it.each([
    ['the same machine: at once', 'boot-1 pid:[1]', 'boot-1 pid:[1]', 'lost/lost'],
    [
      'another machine, at the end of a tunnel: not at all',
      'boot-1 pid:[1]',
      'boot-2 pid:[1]',
      'running/free',
    ],
    ['another container: not at all', 'boot-1 pid:[1]', 'boot-1 pid:[2]', 'running/free'],
  ])('F23: of a pid that is gone here ends leases of %s', async (_what, ours, its, outcome) => {
    stage = await Stage.open({ more: { machine: ours } });
    const peer = await stage.attach({ machine: its });
    await stage.submit('a');
    stage.dead.add(4711);
    peer.hangUp();
    await stage.clock.advance(TERM - 1_000);
    expect(stage.outcomes('a')).toEqual([outcome]);
  });

  it.each([
    ['this machine', 'boot-1 pid:[1]', 4711],
    ['another machine, at the end of a tunnel', 'boot-2 pid:[1]', null],
  ])(
    'the pid of a process of %s (%s) is told as %s, and of one that is gone not at all',
    async (_where, its, told) => {
      stage = await Stage.open({ more: { machine: 'boot-1 pid:[1]' } });
      const peer = await stage.attach({ machine: its });
      const pid = async () => (await stage.now(stage.service.status())).instances[0]?.pid;
      expect(await pid()).toBe(told);
      peer.hangUp();
      await stage.settle();
      expect(await pid()).toBeNull();
    },
  );

  it('a process that only closed its connection keeps its leases', async () => {
    const peer = await running('a');
    await stage.attach({ name: 'gpu-2', process_id: 'process-2', pid: 1 });
    peer.hangUp();
    await stage.clock.advance(TERM - 1_000);
    expect(stage.outcomes('a')).toEqual(['running/free']);
  });

  it('R27: ends also the lease that was on its way to disk when the process went', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    stage.store.hold();
    const submitted = stage.submit('a');
    await stage.settle();
    stage.dead.add(4711);
    peer.hangUp();
    await stage.clock.advance(500);
    stage.store.letGo();
    await stage.settle();
    await submitted;
    expect(stage.outcomes('a')).toEqual(['lost/lost']);
    expect(stage.state('a')).toBe('queued');
  });
});

describe('a scheduler that starts again over the same store', () => {
  it('R26: re-attaches what runs, without a second dispatch', async () => {
    const peer = await running('a', 'b');
    await stage.restart();
    const back = await stage.attach({}, [peer.held('a'), peer.held('b', { spooled: true })]);
    for (let i = 0; i < 8; i += 1) {
      back.beat([peer.order('a'), peer.order('b')]);
      await stage.clock.advance(BEAT);
    }
    back.answer('b', 'from the spool', peer.order('b'));
    back.answer('a', 'went on', peer.order('a'));
    await stage.settle();
    expect([stage.text('a'), stage.text('b')]).toEqual(['went on', 'from the spool']);
    expect(back.dispatched).toEqual([]);
    expect(stage.outcomes('a')).toEqual(['succeeded/free']);
  });

  it('R26: gives instances a term to come back, and counts one that does not as lost', async () => {
    const peer = await running('a', 'b');
    await stage.clock.advance(TERM - 1_000);
    await stage.restart();
    await stage.clock.advance(TERM - 1_000);
    const back = await stage.attach({}, [peer.held('a')]);
    expect(stage.outcomes('a')).toEqual(['running/free']);
    expect(stage.outcomes('b')).toEqual(['lost/free', 'running/free']);
    back.answer('a', 'late but fine', peer.order('a'));
    await stage.settle();
    expect(stage.text('a')).toBe('late but fine');
  });

  it('R26: ends with a fresh term what nobody comes back for', async () => {
    await running('a');
    await stage.clock.advance(TERM - 1_000);
    await stage.restart();
    const started_at = stage.clock.monotonic();
    while (stage.outcomes('a')[0] === 'running/free') {
      await stage.clock.advance(250);
      if (stage.clock.monotonic() - started_at > 2 * TERM) break;
    }
    expect(stage.outcomes('a')).toEqual(['lost/lost']);
    // The orderly stop before it took some time of its own.
    expect(stage.clock.monotonic() - started_at).toBeGreaterThan(TERM - 6_000);
  });

  it('F11: knows a dispatch that was committed and never sent: queued again, free', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    stage.crashpoint = (name) => {
      if (name === 'turn.before_dispatch') throw new Error('killed');
    };
    await stage.submit('a');
    expect(stage.fatal).toHaveLength(1);
    expect(stage.state('a')).toBe('running');
    expect(peer.dispatched).toEqual([]);
    stage.crashpoint = () => undefined;
    await stage.restart();
    const back = await stage.attach();
    expect(stage.outcomes('a')).toEqual(['lost/free', 'running/free']);
    expect(back.dispatched).toEqual(['a#2']);
  });

  it('R28: gives every instance the number that it had', async () => {
    stage = await Stage.open();
    const ids = async (...names: readonly string[]) => {
      const peers = [];
      for (const name of names) peers.push(await stage.attach({ name, process_id: name }));
      return peers.map(({ welcome }) => welcome.id);
    };
    expect(await ids('one', 'local', 'two')).toEqual([1, 0, 2]);
    await stage.restart();
    expect(await ids('two', 'three', 'local', 'one')).toEqual([2, 3, 0, 1]);
  });
});

describe('a scheduler that stood still', () => {
  it('F55: gives every lease a fresh term before it judges', async () => {
    const peer = await running('a');
    stage.clock.freeze(TERM * 10);
    await stage.clock.advance(TERM - 1_000);
    expect(stage.outcomes('a')).toEqual(['running/free']);
    expect(peer.end).toBe(null);
    await stage.clock.advance(2_000);
    expect(stage.outcomes('a')[0]).toBe('lost/lost');
  });

  it('F55: also where the deadline of the attempt passed meanwhile', async () => {
    stage = await Stage.open();
    const peer = await stage.attach();
    await stage.submit(['a', { options: { attempt_timeout_ms: 1_000 } }]);
    stage.clock.freeze(TERM * 10);
    await stage.clock.advance(1_000);
    peer.answer('a');
    await stage.settle();
    expect(stage.outcomes('a')).toEqual(['succeeded/free']);
  });

  it('several times does not give more than one term', async () => {
    await running('a');
    for (let i = 0; i < 5; i += 1) {
      stage.clock.freeze(3_000);
      await stage.clock.advance(300);
    }
    await stage.clock.advance(TERM + 500);
    expect(stage.outcomes('a')[0]).toBe('lost/lost');
  });
});
