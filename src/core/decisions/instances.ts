/** Instances come, say what they hold, and go. */
import type { AttemptRef } from '../attempt.ts';
import { BRINGS_NOTHING, runKey, type BoardInstance, type Lease } from '../board.ts';
import type { Draft } from '../draft.ts';
import { LIMITS } from '../limits.ts';
import type { HeldAttempt, TurnEvent } from '../turn-events.ts';
import { decideLeaseEnded } from './lease-ended.ts';
import { collect } from './collect.ts';
import { abortCancelled, refOf } from './leasing.ts';

/** The instance `local` (child of serve) has id 0; others are numbered from 1 in order of their first hello. */
export function decideGreet(draft: Draft, index: number, event: Extract<TurnEvent, { type: 'greet' }>): void {
  const known = [...draft.instances.values()].find((one) => one.name === event.name);
  const id = known?.id ?? (event.local && draft.instances.get(0) === undefined ? 0 : draft.next('instance'));
  if (known === undefined) {
    const instance: BoardInstance = {
      id,
      name: event.name,
      process_id: '',
      slots: 0,
      endpoints: new Set(),
      needs: new Set(),
      connected: false,
      draining: false,
      used: 0,
      brings: BRINGS_NOTHING,
    };
    draft.instances.set(id, instance);
    putInstance(draft, instance);
  } else if (known.connected) {
    // Whoever says hello has left its old connection: nothing may be sent to it before it has said what it holds.
    draft.instances.set(id, { ...known, connected: false });
  }
  draft.receipt(index, { type: 'greet', id });
}

/**
 * Leases of this instance that it does not hold are settled at once. The same process: the dispatch never arrived, so it is
 * free. A new process: lost with the old one, unless its spool has the outcome (then it is on the list).
 */
export function decideSettle(draft: Draft, event: Extract<TurnEvent, { type: 'settle' }>): void {
  const before = draft.instances.get(event.instance);
  if (before === undefined) throw new Error(`instance ${event.instance} settles without a greeting`);
  const sameProcess = before.process_id === event.process_id;
  const ours = event.held.filter((held) => held.store_id === draft.moment.store_id);
  // By attempt: it may hold an old one of a run, whose late answer is on its way, beside the one that runs now.
  const held = new Set(ours.map(attemptKey));
  const leases = [...draft.leases.values()].filter((lease) => lease.instance === event.instance);
  collect(leases, (lease) => settleLease(draft, lease, held.has(attemptKey(lease)), sameProcess));
  for (const one of event.held) {
    const lease = draft.leases.get(runKey(one.name, one.run));
    const holds = lease !== undefined && lease.instance === event.instance && lease.attempt === one.attempt;
    if (!holds && !one.spooled)
      draft.effects.push({
        type: 'abort',
        instance: event.instance,
        attempt: refOf(one),
        cause: 'lease_lost',
      });
  }
  const now = draft.instances.get(event.instance) ?? before;
  const instance: BoardInstance = {
    ...now,
    process_id: event.process_id,
    slots: event.slots,
    endpoints: new Set(event.endpoints),
    needs: new Set(event.needs),
    connected: true,
    draining: false,
    brings: broughtBy(draft, ours),
  };
  draft.instances.set(instance.id, instance);
  putInstance(draft, instance);
  draft.tell({ type: 'instance_attached', instance: instance.id, name: instance.name });
}

/** Outcomes that are on their way. What is asked again meanwhile would be paid for twice. */
function broughtBy(draft: Draft, held: readonly HeldAttempt[]): BoardInstance['brings'] {
  const runs = new Set(held.filter(({ spooled }) => spooled).map(({ name, run }) => runKey(name, run)));
  if (runs.size === 0) return BRINGS_NOTHING;
  // An entry that the disk does not give back is never sent.
  const until_m = draft.moment.now_m + LIMITS.spooled_wait_ms;
  draft.effects.push({ type: 'wake_at', at_m: until_m });
  return { runs, until_m };
}

/** It has come: see {@link decideSettle}. */
export function hasBrought(draft: Draft, instance: number, key: string): void {
  const before = draft.instances.get(instance);
  if (before === undefined || !before.brings.runs.has(key)) return;
  const runs = new Set(before.brings.runs);
  runs.delete(key);
  draft.instances.set(instance, { ...before, brings: { ...before.brings, runs } });
}

function settleLease(draft: Draft, lease: Lease, isHeld: boolean, sameProcess: boolean): void {
  const { name, run, attempt } = lease;
  if (isHeld) {
    const key = runKey(name, run);
    draft.effects.push({ type: 'renew', key, attempt });
    // Whether the abort reached it before the connection was lost, nobody knows.
    if (isCancelling(draft, lease)) abortCancelled(draft, lease);
    return;
  }
  decideLeaseEnded(draft, {
    type: 'lease_ended',
    name,
    run,
    attempt,
    proof: sameProcess ? 'never_arrived' : 'process_gone',
  });
}

function attemptKey(of: AttemptRef): string {
  return `${runKey(of.name, of.run)}#${of.attempt}`;
}

function isCancelling(draft: Draft, lease: Lease): boolean {
  return (draft.run(lease.name, lease.run)?.cancel_requested_at ?? null) !== null;
}

/** Proof of death: what it held is lost at once. */
export function decideProcessGone(draft: Draft, event: Extract<TurnEvent, { type: 'process_gone' }>): void {
  const leases = [...draft.leases.values()].filter((lease) => lease.instance === event.instance);
  collect(leases, ({ name, run, attempt }) =>
    decideLeaseEnded(draft, { type: 'lease_ended', name, run, attempt, proof: 'process_gone' }),
  );
}

/** A closed connection ends no lease: whoever is back before they end holds them again. */
export function decideDetach(draft: Draft, event: Extract<TurnEvent, { type: 'detach' }>): void {
  const instance = draft.instances.get(event.instance);
  if (instance === undefined || !instance.connected) return;
  draft.instances.set(instance.id, { ...instance, connected: false });
  draft.tell({ type: 'instance_detached', instance: instance.id, name: instance.name });
}

export function decideDrain(draft: Draft, event: Extract<TurnEvent, { type: 'drain' }>): void {
  const instance = draft.instances.get(event.instance);
  if (instance !== undefined) draft.instances.set(instance.id, { ...instance, draining: event.draining });
}

function putInstance(draft: Draft, instance: BoardInstance): void {
  const { id, name, process_id } = instance;
  const { now } = draft.moment;
  draft.changes.push({
    do: 'put_instance',
    instance: { id, name, process_id, first_seen_at: now, last_seen_at: now },
  });
}
