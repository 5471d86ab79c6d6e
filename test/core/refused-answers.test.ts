/** What an answer took that was refused, as one turn after the other writes it: it stands in the attempt's row, once. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SpentInVain } from '../../src/core/attempt.ts';
import type { AttemptRow } from '../../src/core/rows.ts';
import type { TurnEvent } from '../../src/core/turn-events.ts';
import { endpointOf } from '../scheduler/stage.ts';
import { jobOf } from '../scheduler/prepared-job.ts';
import { reportOf } from './decide-acts.ts';
import { World, type Sent } from './decide-world.ts';

const SPENT: SpentInVain = {
  usage: { input: 3, cached: null, output: 5, reasoning: null, raw: {} },
  cost: { amount: 0.25, currency: 'EUR', as_of: '2026-11-02' },
  parameters_sent: { temperature: 1 },
  warnings: ['top_k is not known there.'],
};
const NOTHING = { usage: null, cost: null, parameters_sent: null, warnings: [] };
/** What a batch says of one such answer. */
const ONCE = { input_tokens: 3, output_tokens: 5, costs: [{ currency: 'EUR', amount: 0.25 }] };

let world: World;

beforeEach(async () => {
  world = await World.open([endpointOf('e')]);
  await turn({ type: 'greet', name: 'local', process_id: 'p', local: true });
  await turn({
    ...{ type: 'settle', instance: 0, process_id: 'p', slots: 2, endpoints: ['e'], needs: [''], held: [] },
  });
  const jobs = [jobOf('a', { batch: 'b', options: { max_attempts: 2 } })];
  await turn({ type: 'submit', jobs, on_invalid: 'refuse_all' });
});
afterEach(() => world.store.close());

async function turn(...events: readonly TurnEvent[]): Promise<void> {
  await world.commit(await world.decide(world.gather(events), true));
}

const sent = (at: number): Sent => {
  const one = world.sent[at];
  if (one === undefined) throw new Error(`no attempt ${at} was sent`);
  return one;
};

function refused(of: Sent, spent: SpentInVain | null = SPENT, foreign = 0): TurnEvent {
  return { ...reportOf(world, of, 'transient', foreign), spent } as TurnEvent;
}

function rows(): readonly AttemptRow[] {
  return world.reads.attempts(world.reads.run('a', null)?.id ?? -1);
}

const spentIn = ({ usage, cost, parameters_sent, warnings }: AttemptRow): object => ({
  ...{ usage, cost, parameters_sent, warnings },
});

const batch = (): object => {
  const { input_tokens, output_tokens, costs } = world.reads.batch('b')!;
  return { input_tokens, output_tokens, costs };
};

/** The attempt that follows, once the wait is over. */
async function nextAttempt(): Promise<Sent> {
  world.pass(400_000);
  await turn({ type: 'due' });
  return sent(world.sent.length - 1);
}

it('R22: of every attempt is its own, and a batch has the sum', async () => {
  await turn(refused(sent(0)));
  expect(rows().map(spentIn)).toEqual([SPENT]);
  expect(batch()).toEqual(ONCE);
  await turn(refused(await nextAttempt()));
  expect(rows().map(spentIn)).toEqual([SPENT, SPENT]);
  expect(batch()).toEqual({
    input_tokens: 6,
    output_tokens: 10,
    costs: [{ currency: 'EUR', amount: 0.5 }],
  });
  expect(world.reads.run('a', null)).toMatchObject({ state: 'failed', errors: 2 });
});

it('R22: is counted once, however often it is told, in the same turn too', async () => {
  await turn(refused(sent(0)), refused(sent(0)));
  await turn(refused(sent(0)));
  expect(rows().map(spentIn)).toEqual([SPENT]);
  expect(batch()).toEqual(ONCE);
});

it('R22: is written where the attempt was given up before, once, and charges nothing', async () => {
  const { name, run, attempt } = sent(0);
  await turn({ type: 'lease_ended', name, run, attempt, proof: 'expired' });
  expect(rows().map(spentIn)[0]).toEqual(NOTHING);
  await turn(refused(sent(0)));
  await turn(refused(sent(0)));
  expect(rows()[0]).toMatchObject({ ...SPENT, outcome: 'lost', charged_for: 'lost' });
  expect(batch()).toEqual(ONCE);
  expect(world.reads.run('a', null)).toMatchObject({ errors: 0, lost: 1 });
});

it('R22: is written, too, where the run has its answer already', async () => {
  const { name, run, attempt } = sent(0);
  await turn({ type: 'lease_ended', name, run, attempt, proof: 'expired' });
  await turn(reportOf(world, sent(1), 'answer'));
  await turn(refused(sent(0)));
  expect(rows().map(({ outcome, cost }) => [outcome, cost])).toEqual([
    ['lost', SPENT.cost],
    ['succeeded', null],
  ]);
});

it('R22: of an attempt whose answer is there is passed over, and so is that of another database or question', async () => {
  const elsewhere = [refused(sent(0), SPENT, 8), refused(sent(0), SPENT, 9)];
  await turn(...elsewhere);
  await turn(reportOf(world, sent(0), 'answer'));
  await turn(refused(sent(0)), ...elsewhere);
  expect(rows().map(spentIn)).toEqual([{ ...NOTHING, parameters_sent: {} }]);
  expect(batch()).toMatchObject({ input_tokens: 0, costs: [] });
});

it('R22: of an attempt that is cancelled stands in its row', async () => {
  await turn({ type: 'cancel', runs: [{ name: 'a', run: null }] });
  await turn({ ...reportOf(world, sent(0), 'cancelled'), spent: SPENT } as TurnEvent);
  expect(rows()[0]).toMatchObject({ ...SPENT, outcome: 'cancelled', charged_for: null });
  expect(batch()).toEqual(ONCE);
});

it('is nothing where no answer had come', async () => {
  await turn(refused(sent(0), null));
  expect(rows().map(spentIn)).toEqual([NOTHING]);
});
