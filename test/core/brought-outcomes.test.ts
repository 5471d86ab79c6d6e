/**
 * R6: an instance was killed when the outcome of an attempt lay in its spool. Its process is gone, so its attempts are lost; the
 * next process says at its hello what the spool has, and nobody is asked for that until it has come.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import type { TurnEvent } from '../../src/core/turn-events.ts';
import { endpointOf } from '../scheduler/stage.ts';
import { jobOf } from '../scheduler/prepared-job.ts';
import { reportOf } from './decide-acts.ts';
import { World, type Sent } from './decide-world.ts';

let world: World;
let first: Sent;

async function turn(...events: readonly TurnEvent[]): Promise<void> {
  await world.commit(await world.decide(world.gather(events), true));
}

function settle(instance: number, process_id: string, spooled: readonly Sent[] = []): TurnEvent {
  const held = spooled.map(({ name, run, attempt, digest }) => {
    return { name, run, attempt, digest, store_id: world.store_id, spooled: true };
  });
  return {
    ...{ type: 'settle', instance, process_id, slots: 2, endpoints: ['e'], needs: [''] },
    held,
  };
}

const greet = (name: string, process_id: string): TurnEvent => ({
  ...{ type: 'greet', name, process_id, local: name === 'local' },
});

/** Names and attempts, as they were sent. */
const asked = (): string[] => world.sent.map(({ name, attempt }) => `${name}#${attempt}`);
const stateOf = (name: string): string | undefined => world.reads.run(name, null)?.state;

beforeEach(async () => {
  world = await World.open([endpointOf('e')]);
  await turn(greet('local', 'p'));
  await turn(settle(0, 'p'));
  await turn({ type: 'submit', jobs: [jobOf('a', {})], on_invalid: 'refuse_all' });
  first = world.sent[0]!;
  await turn({ type: 'detach', instance: 0 }, { type: 'process_gone', instance: 0 });
  world.pass(400_000);
  await turn({ type: 'due' });
  expect([stateOf('a'), asked()]).toEqual(['queued', ['a#1']]);
});
afterEach(() => world.store.close());

it('R6: is not asked again, by whatever instance, and its answer is taken when it comes', async () => {
  await turn(greet('local', 'p2'), greet('other', 'q'));
  await turn(settle(0, 'p2', [first]), settle(1, 'q'));
  expect(asked()).toEqual(['a#1']);
  // Nobody else waits for it.
  await turn({ type: 'submit', jobs: [jobOf('b', {})], on_invalid: 'refuse_all' });
  expect(asked()).toEqual(['a#1', 'b#1']);
  await turn(reportOf(world, first, 'answer'));
  expect([stateOf('a'), asked()]).toEqual(['completed', ['a#1', 'b#1']]);
});

it('G4: is asked again at once where what comes is no answer', async () => {
  await turn(greet('local', 'p2'));
  await turn(settle(0, 'p2', [first]));
  await turn(reportOf(world, first, 'transient'));
  expect(asked()).toEqual(['a#1', 'a#2']);
});

it('G4: is asked again where nothing comes: its disk may not give it back', async () => {
  await turn(greet('local', 'p2'));
  await turn(settle(0, 'p2', [first]));
  world.pass(LIMITS.spooled_wait_ms - 1);
  await turn({ type: 'wake' });
  expect(asked()).toEqual(['a#1']);
  world.pass(1);
  await turn({ type: 'wake' });
  expect(asked()).toEqual(['a#1', 'a#2']);
});

it('G4: is asked again by another instance when the one that has it goes away', async () => {
  await turn(greet('local', 'p2'), greet('other', 'q'));
  await turn(settle(0, 'p2', [first]), settle(1, 'q'));
  await turn({ type: 'detach', instance: 0 });
  expect(asked()).toEqual(['a#1', 'a#2']);
  expect(world.sent[1]).toMatchObject({ instance: 1 });
});

it('R6: what lies in a spool under another database is no outcome of here', async () => {
  await turn(greet('local', 'p2'));
  const event = settle(0, 'p2', [first]) as Extract<TurnEvent, { type: 'settle' }>;
  await turn({ ...event, held: event.held.map((one) => ({ ...one, store_id: 'another' })) });
  expect(asked()).toEqual(['a#1', 'a#2']);
});
