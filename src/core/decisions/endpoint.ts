/** A limit or a pause of an endpoint was set by a person: a row, so that it wins over the file until it is reset. */
import type { Draft } from '../draft.ts';
import type { TurnEvent } from '../turn-events.ts';

export function decideEndpoint(
  draft: Draft,
  index: number,
  event: Extract<TurnEvent, { type: 'put_endpoint' }>,
): void {
  const { name, max_concurrent, paused } = event.endpoint;
  const before = draft.endpoints.get(name);
  if (before !== undefined) {
    draft.endpoints.set(name, { ...before, max_concurrent: max_concurrent ?? before.max_configured, paused });
  }
  draft.changes.push({ do: 'put_endpoint', endpoint: event.endpoint });
  draft.receipt(index, { type: 'done' });
}
