/** Granting and dropping leases, with the counts that follow them. */
import type { AttemptRef } from '../attempt.ts';
import { runKey, type Lease } from '../board.ts';
import type { Draft } from '../draft.ts';
import type { RunRow } from '../rows.ts';

export function refOf(of: AttemptRef): AttemptRef {
  return { name: of.name, run: of.run, attempt: of.attempt, digest: of.digest };
}

export function grantLease(draft: Draft, run: RunRow, lease: Lease): void {
  const key = runKey(run.name, run.run);
  draft.leases.set(key, lease);
  count(draft, lease, 1);
  const endpoint = draft.endpoints.get(lease.endpoint);
  if (endpoint !== undefined) draft.endpoints.set(endpoint.name, { ...endpoint, loaded_lane: lease.lane });
}

export function dropLease(draft: Draft, lease: Lease): void {
  const key = runKey(lease.name, lease.run);
  draft.leases.delete(key);
  count(draft, lease, -1);
  draft.effects.push({ type: 'lease_dropped', key, attempt: lease.attempt });
}

/** Asks the instance to stop what a person cancelled, and gives it a grace to confirm; asking again does not prolong that. */
export function abortCancelled(draft: Draft, lease: Lease): void {
  draft.effects.push({ type: 'abort', instance: lease.instance, attempt: refOf(lease), cause: 'cancelled' });
  draft.effects.push({ type: 'cancel_wait', key: runKey(lease.name, lease.run), attempt: lease.attempt });
}

function count(draft: Draft, lease: Lease, by: 1 | -1): void {
  const instance = draft.instances.get(lease.instance);
  if (instance !== undefined) draft.instances.set(instance.id, { ...instance, used: instance.used + by });
  const endpoint = draft.endpoints.get(lease.endpoint);
  if (endpoint !== undefined)
    draft.endpoints.set(endpoint.name, { ...endpoint, running: endpoint.running + by });
}
