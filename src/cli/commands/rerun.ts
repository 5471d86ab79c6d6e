import { EXIT } from '../../core/errors.ts';
import type { RerunVerdict, RunAnswer } from '../../core/ports/scheduler.ts';
import { hasEnded } from '../../core/states.ts';
import { bulkChange } from '../bulk-change.ts';
import type { Context } from '../context.ts';
import { count } from '../quantities.ts';
import { retryOptions } from './retry.ts';

/** A fresh draw of what has ended. */
export async function rerun(context: Context): Promise<number> {
  const options = retryOptions(context);
  const answers = await bulkChange<RerunVerdict>(context, {
    verb: 'Ask again',
    states: ['completed', 'failed', 'cancelled'],
    change: (client, selection, signal) =>
      client.rerunMany(selection, { signal, ...(Object.keys(options).length === 0 ? {} : { options }) }),
  });
  if (answers === null) return EXIT.error;
  if (answers.length === 0) return EXIT.ok;
  const of = (...verdicts: readonly RerunVerdict[]): readonly RunAnswer<RerunVerdict>[] =>
    answers.filter((one) => verdicts.includes(one.verdict));
  const words = [`${count(of('created').length)} created`];
  if (of('shared').length > 0) words.push(`${count(of('shared').length)} shared`);
  if (of('known', 'answered_before').length > 0)
    words.push(`${count(of('known', 'answered_before').length)} accepted before`);
  const refused = of('wrong_state');
  // What was adopted from a file of its own: its answer is known, what was asked is not.
  const unknown = refused.filter(({ state }) => state !== null && hasEnded(state)).length;
  if (refused.length > unknown)
    words.push(`${count(refused.length - unknown)} under way, and not asked again`);
  if (unknown > 0)
    words.push(`${count(unknown)} of which nobody knows any more what was asked: submit the job itself`);
  context.out.notice(words.join(' · '));
  if (of('not_found').length > 0) return EXIT.not_found;
  return answers.length === refused.length ? EXIT.conflict : EXIT.ok;
}
