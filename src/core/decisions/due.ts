/** The time of scheduled and retrying runs has come. */
import type { Draft } from '../draft.ts';
import { LIMITS } from '../limits.ts';
import { noteWork } from './attempt-end.ts';
import { collect } from './collect.ts';
import { completeRun } from './ending.ts';
import { follow } from './submit.ts';

export function decideDue(draft: Draft): void {
  const { now } = draft.moment;
  const ids = draft.loaded.due(now, LIMITS.due_per_turn_max);
  collect(ids, (id) => dueOne(draft, id));
  if (ids.length === LIMITS.due_per_turn_max)
    draft.effects.push({ type: 'follow_up', event: { type: 'due' } });
  else draft.effects.push({ type: 'look_due' });
}

function dueOne(draft: Draft, id: number): void {
  const run = draft.row(id);
  if (run.due_at === null || run.due_at > draft.moment.now) return;
  if (run.state === 'scheduled') {
    // A leader that was not yet due did not lead: somebody else may have asked meanwhile.
    const completed = draft.completed(run.digest);
    const result = completed === null ? null : draft.result(completed.id);
    if (result !== null) {
      completeRun(draft, run, { ...result, answered_by: result.job });
      return;
    }
    const leader = draft.leader(run.digest);
    if (leader !== null) {
      draft.change(run, 'share');
      follow(draft, leader, run.priority);
      return;
    }
  }
  draft.change(run, 'due');
  noteWork(draft, run.lane);
}
