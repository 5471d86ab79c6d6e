/** Files stand, or cannot stand under their name. */
import type { Draft } from '../draft.ts';
import { collect } from './collect.ts';
import { hasEnded } from '../states.ts';
import type { TurnEvent } from '../turn-events.ts';

export function decidePublished(
  draft: Draft,
  index: number,
  event: Extract<TurnEvent, { type: 'published' }>,
): void {
  for (const publication of event.publications) draft.changes.push({ do: 'drop_publication', publication });
  draft.tell({ type: 'published', count: event.publications.length });
  draft.receipt(index, { type: 'done' });
}

/**
 * Jobs whose files another content replaced are published once more; those that came by file never were. The time tells the
 * row from the one before, which may be under way, or told of and not dropped.
 */
export function decidePublishJobs(
  draft: Draft,
  index: number,
  event: Extract<TurnEvent, { type: 'publish_jobs' }>,
): void {
  for (const run of collect(event.runs, ({ name, run }) => draft.run(name, run)))
    if (run?.source === 'http') draft.publish({ kind: 'job', job: run.id, epoch: draft.moment.now });
  draft.receipt(index, { type: 'done' });
}

/**
 * The name of a result or ended file is taken by other bytes: the next epoch is committed, then it is published there. A run
 * that was retried meanwhile has no end to tell of any more.
 */
export function decideRepublish(draft: Draft, event: Extract<TurnEvent, { type: 'republish' }>): void {
  const { publication } = event;
  // Names of job files carry no epoch, and have another place to go.
  if (publication.kind === 'job') return;
  const run = draft.row(publication.job);
  if (run.epoch !== publication.epoch || !hasEnded(run.state)) {
    draft.changes.push({ do: 'drop_publication', publication });
    draft.tell({ type: 'published', count: 1 });
    return;
  }
  const epoch = draft.takeEpoch(run.name);
  draft.amend(run, { epoch });
  draft.changes.push({ do: 'drop_publication', publication });
  draft.changes.push({ do: 'put_publication', publication: { ...publication, epoch } });
  draft.effects.push({ type: 'publish' });
}
