import { EXIT } from '../../core/errors.ts';
import type { CancelVerdict, RunAnswer } from '../../core/ports/scheduler.ts';
import { bulkChange, type BulkChange } from '../bulk-change.ts';
import type { Context } from '../context.ts';
import { count } from '../quantities.ts';

const CANCEL: BulkChange<CancelVerdict> = {
  verb: 'Cancel',
  states: ['scheduled', 'queued', 'blocked', 'running', 'retrying'],
  change: (client, selection, signal) => client.cancelMany(selection, { signal }),
};

export async function cancel(context: Context): Promise<number> {
  const answers = await bulkChange(context, CANCEL);
  if (answers === null) return EXIT.error;
  if (answers.length === 0) return EXIT.ok;
  const of = (verdict: CancelVerdict): readonly RunAnswer<CancelVerdict>[] =>
    answers.filter((one) => one.verdict === verdict);
  const cancelling = of('cancelling').length;
  const words = [`${count(of('cancelled').length)} cancelled`];
  if (cancelling > 0) words.push(`${count(cancelling)} cancelling (they end when their instance confirms)`);
  if (of('already_ended').length > 0) words.push(`${count(of('already_ended').length)} had ended already`);
  context.out.notice(words.join(' · '));
  if (of('not_found').length > 0) return EXIT.not_found;
  return answers.length > 0 && answers.length === of('already_ended').length ? EXIT.conflict : EXIT.ok;
}
