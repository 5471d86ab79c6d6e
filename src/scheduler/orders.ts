/** Makes what an instance is sent from what was stored at acceptance. */
import type { AttemptOrder, AttemptRef } from '../core/attempt.ts';
import type { Attachments } from '../core/messages.ts';
import { attachedTo, jobAsGiven, needsJob, orderOf } from '../core/order-of.ts';
import type { OrderBody, Store } from '../core/ports/store.ts';
import type { RunRow } from '../core/rows.ts';

/** An order that says how it is cut into frames: the length of the texts that it carries. */
export interface ReadyOrder {
  readonly order: AttemptOrder;
  readonly text: number;
}

export interface Wanted {
  /** Id of the run. */
  readonly job: number;
  readonly ref: AttemptRef;
  readonly attempt_timeout_ms: number;
  /** Whether its endpoint's provider is given the whole job. */
  readonly shows_job: boolean;
}

/**
 * Orders in the order asked for. Most need their prompt alone; what has attachments, or shows the job to a script or a
 * package, is completed by a second load. Rejects where a run has no stored order: it was stored with it.
 */
export async function readOrders(store: Store, wanted: readonly Wanted[]): Promise<readonly ReadyOrder[]> {
  const { orders } = await store.load({ orders: wanted.map(({ job }) => job) });
  const drafts = wanted.map((one) => {
    const body = orders.get(one.job);
    if (body === undefined) throw new Error(`run ${one.ref.name}@${one.ref.run} has no stored order`);
    return { one, body, order: draftOf(one, body) };
  });
  const open = drafts.filter(({ one, order }) => needsMore(one, order));
  const more = open.length === 0 ? null : await loadMore(store, open);
  return drafts.map(({ one, body, order }) => {
    const whole = more === null || !needsMore(one, order) ? order : completed(one, body, order, more);
    return { order: whole, text: body.prompt.length + lengthOf(whole.attachments) };
  });
}

interface OpenOrder {
  readonly one: Wanted;
  readonly body: OrderBody;
  readonly order: AttemptOrder;
}

interface More {
  readonly bodies: ReadonlyMap<string, string>;
  readonly runs: ReadonlyMap<number, RunRow>;
}

function draftOf({ ref, attempt_timeout_ms }: Wanted, { request, prompt, spec }: OrderBody): AttemptOrder {
  return orderOf({ ref, request, prompt, limits: { ...spec.options, attempt_timeout_ms } });
}

function showsJob({ shows_job }: Wanted, order: AttemptOrder): boolean {
  return shows_job || needsJob(order);
}

function needsMore(one: Wanted, order: AttemptOrder): boolean {
  return showsJob(one, order) || attachedTo(order).length > 0;
}

async function loadMore(store: Store, open: readonly OpenOrder[]): Promise<More> {
  const hashes = open.flatMap(({ one, body, order }) => [
    ...attachedTo(order),
    ...(showsJob(one, order) ? [body.spec.spec_sha256] : []),
  ]);
  const { bodies, runs } = await store.load({
    bodies: [...new Set(hashes)],
    ids: open.filter(({ one, order }) => showsJob(one, order)).map(({ one }) => one.job),
  });
  return { bodies, runs: new Map(runs.map((run) => [run.id, run])) };
}

function completed(one: Wanted, body: OrderBody, order: AttemptOrder, more: More): AttemptOrder {
  const attachments: Attachments = Object.fromEntries(
    attachedTo(order).map((sha256) => [sha256, bodyOf(more, sha256)]),
  );
  const run = more.runs.get(one.job);
  const job =
    showsJob(one, order) && run !== undefined
      ? jobAsGiven({ ...run, metadata: body.spec.metadata }, bodyOf(more, body.spec.spec_sha256))
      : null;
  return { ...order, attachments, job };
}

function bodyOf({ bodies }: More, sha256: string): string {
  const body = bodies.get(sha256);
  if (body === undefined) throw new Error(`no body with the SHA-256 ${sha256} is stored`);
  return body;
}

function lengthOf(attachments: Attachments): number {
  return Object.values(attachments).reduce((sum, text) => sum + text.length, 0);
}
