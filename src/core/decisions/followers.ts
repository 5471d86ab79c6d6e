/**
 * Runs wait for an answer, and nobody asks for it any more. Answered: they take it. Failed for good: they fail with the same
 * reason, for they would be refused the same. Cancelled, or out of budget: the next of them asks. Some at a time.
 */
import type { Draft } from '../draft.ts';
import { LIMITS } from '../limits.ts';
import { formatRunRef } from '../names.ts';
import { isPermanent } from '../reasons.ts';
import type { TurnEvent } from '../turn-events.ts';
import { noteWork } from './attempt-end.ts';
import { collect } from './collect.ts';
import { completeRun, endBadly } from './ending.ts';
import { follow } from './submit.ts';

export function decideFollowers(draft: Draft, event: Extract<TurnEvent, { type: 'settle_followers' }>): void {
  const { digest } = event;
  const completed = draft.completed(digest);
  const result = completed === null ? null : draft.result(completed.id);
  if (result !== null) {
    settleSome(draft, event, (id) =>
      completeRun(draft, draft.row(id), { ...result, answered_by: result.job }),
    );
    return;
  }
  const leader = draft.leader(digest);
  if (leader !== null) {
    // Somebody asks already, perhaps with less haste than those who wait.
    for (const id of draft.loaded.followers(digest, 1, true)) follow(draft, leader, draft.row(id).priority);
    return;
  }
  const ended = event.ended === null ? draft.lastEnded(digest) : draft.row(event.ended);
  const code = ended?.reason_code ?? null;
  if (ended !== null && ended.state === 'failed' && code !== null && isPermanent(code)) {
    const message = `The same work failed as ${formatRunRef(ended)}: ${ended.reason_message ?? code}`;
    settleSome(draft, event, (id) => endBadly(draft, draft.row(id), 'fail', { code, message }));
    return;
  }
  handOver(draft, digest);
}

type Settling = Extract<TurnEvent, { type: 'settle_followers' }>;

function settleSome(draft: Draft, event: Settling, settle: (id: number) => unknown): void {
  const { digest } = event;
  const limit = LIMITS.followers_per_turn_max;
  const ids = draft.loaded.followers(digest, limit, false);
  collect(ids, (id) => {
    if (draft.row(id).state === 'blocked') settle(id);
  });
  if (ids.length === limit) draft.effects.push({ type: 'follow_up', event });
  else draft.followed.delete(digest);
}

function handOver(draft: Draft, digest: string): void {
  for (const id of draft.loaded.followers(digest, 1, true)) {
    const run = draft.row(id);
    if (run.state !== 'blocked') continue;
    draft.change(run, 'lead');
    noteWork(draft, run.lane);
    // There may be more of them, even where this turn took the digest for settled before.
    draft.followed.set(digest, true);
    return;
  }
  draft.followed.delete(digest);
}
