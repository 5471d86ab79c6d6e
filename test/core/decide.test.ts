/**
 * Turns as properties: fast-check draws what comes into each of them, and the rules of decide-rules.ts are held to every one.
 * `PROMPTD_TEST_RUNS=20` draws twenty times the usual number; a failure prints its seed and path, and `PROMPTD_TEST_SEED` draws
 * from another seed.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EndpointConfig } from '../../src/core/endpoints.ts';
import { hasEnded, transitions } from '../../src/core/states.ts';
import type { TurnEvent } from '../../src/core/turn-events.ts';
import { drawing, PATIENCE_MS } from './drawing.ts';
import { endpointOf } from '../scheduler/stage.ts';
import { eventOf, reportOf, TURN, type DrawnTurn } from './decide-acts.ts';
import { checkBoard, checkPlacement, Ledger } from './decide-rules.ts';
import { World } from './decide-world.ts';

const FAIR: readonly EndpointConfig[] = [
  endpointOf('e', { max_concurrent: 2 }),
  endpointOf('f', { max_concurrent: 3 }),
];
const STICKY: readonly EndpointConfig[] = [
  endpointOf('e', { max_concurrent: 2, sticky_models: true }),
  endpointOf('f', { max_concurrent: 3, sticky_models: true }),
];

/** `from event to` of every change of a state in any story. */
const seen = new Set<string>();

/** Takes the turn that decide makes of these events, and holds it to the rules. */
async function take(
  world: World,
  ledger: Ledger,
  events: readonly TurnEvent[],
  placed: boolean,
): Promise<void> {
  const all = world.gather(events);
  const draft = await world.decide(all, true);
  await world.commit(draft);
  ledger.enter({ events: all, draft, effects: draft.effects });
  for (const effect of draft.effects)
    if (effect.type === 'event' && effect.event.type === 'run_changed')
      seen.add(`${effect.event.from ?? 'new'} ${effect.event.by} ${effect.event.to}`);
  checkBoard(world.board, ledger.rows.values(), world.follow_ups);
  if (placed) checkPlacement(world.board, ledger, world.now_m);
}

const greet = (name: string): TurnEvent => ({
  type: 'greet',
  name,
  process_id: 'p1',
  local: name === 'local',
});
const come = (instance: number, endpoints: readonly string[]): TurnEvent => ({
  ...{ type: 'settle', instance, process_id: 'p1', slots: 2, held: [] },
  ...{ endpoints, needs: [''] },
});
/** Two instances are there before a story begins; what becomes of them is a part of it. */
const BEGINNING = [
  [greet('local'), greet('i')],
  [come(0, ['e', 'f']), come(1, ['e'])],
];

async function play(
  turns: readonly DrawnTurn[],
  endpoints: readonly EndpointConfig[],
): Promise<[World, Ledger]> {
  const world = await World.open(endpoints);
  const ledger = new Ledger();
  for (const events of BEGINNING) await take(world, ledger, events, false);
  for (const { acts, wait_ms } of turns) {
    world.pass(wait_ms);
    const events = acts.flatMap((act) => eventOf(act, world) ?? []);
    await take(world, ledger, events, endpoints === FAIR);
  }
  return [world, ledger];
}

const story = fc.array(TURN, { minLength: 5, maxLength: 40, size: 'max' });

describe('whatever comes into a turn', { timeout: PATIENCE_MS }, () => {
  it('G7, G10, G11: fences, single leaders, the table, budgets, limits and order hold', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (turns) => {
        const [world] = await play(turns, FAIR);
        await world.store.close();
      }),
      drawing(150),
    );
  });

  it('G11: the same holds, order across models aside, where endpoints stay with a loaded model', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (turns) => {
        const [world] = await play(turns, STICKY);
        await world.store.close();
      }),
      drawing(60),
    );
  });

  it('deciding is pure, and loading only what it misses gives the same turn', async () => {
    await fc.assert(
      fc.asyncProperty(story, fc.boolean(), async (turns, sticky) => {
        const world = await World.open(sticky ? STICKY : FAIR);
        for (const events of BEGINNING) await world.commit(await world.decide(events, true));
        for (const { acts, wait_ms } of turns) {
          world.pass(wait_ms);
          const events = world.gather(acts.flatMap((act) => eventOf(act, world) ?? []));
          const before = structuredClone(world.board);
          const [expecting, missing] = [await world.decide(events, true), await world.decide(events, false)];
          expect(missing.changes).toEqual(expecting.changes);
          expect(missing.effects).toEqual(expecting.effects);
          expect(world.board, 'a turn that is not committed changes nothing').toEqual(before);
          await world.commit(expecting);
        }
        await world.store.close();
      }),
      drawing(60),
    );
  });

  it('G4: once instances work and answer, everything ends', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (turns) => {
        const [world, ledger] = await play(turns, FAIR);
        await comeToRest(world, ledger);
        const left = [...ledger.rows.values()].filter(({ state }) => !hasEnded(state));
        expect(left.map(({ name, run, state }) => `${name}@${run} ${state}`)).toEqual([]);
        await world.store.close();
      }),
      drawing(80),
    );
  });
});

it('the stories went through every transition of the table', () => {
  const missed = transitions().filter(({ from, event, to }) => !seen.has(`${from} ${event} ${to}`));
  expect(missed).toEqual([]);
});

/** Instances come with free slots, gates open with time, limits are lifted, and every attempt is answered. */
async function comeToRest(world: World, ledger: Ledger): Promise<void> {
  await take(world, ledger, [{ type: 'greet', name: 'healer', process_id: 'h', local: false }], true);
  const healer = [...world.board.instances.values()].findLast(({ name }) => name === 'healer')?.id ?? -1;
  const come: TurnEvent = {
    ...{ type: 'settle', instance: healer, process_id: 'h', slots: 4, held: [] },
    ...{ endpoints: ['e', 'f'], needs: [''] },
  };
  const lift = ['e', 'f'].map((name): TurnEvent => ({
    type: 'put_endpoint',
    endpoint: { name, max_concurrent: null, paused: false },
  }));
  await take(world, ledger, [come, ...lift], true);
  for (let round = 0; round < 60; round += 1) {
    world.pass(400_000);
    const leases = [...world.board.leases.values()];
    const outcomes = leases.map((lease) => reportOf(world, { ...lease }, 'answer'));
    await take(world, ledger, [...outcomes, { type: 'due' }], true);
    if (world.board.leases.size === 0 && [...ledger.rows.values()].every(({ state }) => hasEnded(state)))
      return;
  }
}
