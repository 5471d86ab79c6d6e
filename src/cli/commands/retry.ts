import { EXIT } from '../../core/errors.ts';
import type { RetryOptions, RetryVerdict, RunAnswer } from '../../core/ports/scheduler.ts';
import { bulkChange } from '../bulk-change.ts';
import type { Context } from '../context.ts';
import { count } from '../quantities.ts';

export async function retry(context: Context): Promise<number> {
  const options = retryOptions(context);
  const answers = await bulkChange<RetryVerdict>(context, {
    verb: 'Retry',
    states: ['failed', 'cancelled'],
    change: (client, selection, signal) =>
      client.retryMany(selection, { signal, ...(Object.keys(options).length === 0 ? {} : { options }) }),
  });
  if (answers === null) return EXIT.error;
  if (answers.length === 0) return EXIT.ok;
  const of = (verdict: RetryVerdict): readonly RunAnswer<RetryVerdict>[] =>
    answers.filter((one) => one.verdict === verdict);
  const words = [`${count(of('queued').length)} queued again`];
  if (of('blocked').length > 0) words.push(`${count(of('blocked').length)} share work under way`);
  if (of('answered').length > 0)
    words.push(`${count(of('answered').length)} answered at once, by an answer that was there`);
  const refused = of('wrong_state');
  const unknown = refused.filter(({ state }) => state === 'failed' || state === 'cancelled').length;
  if (refused.length > unknown)
    words.push(`${count(refused.length - unknown)} had neither failed nor been cancelled`);
  if (unknown > 0)
    words.push(`${count(unknown)} of which nobody knows any more what was asked: submit the job itself`);
  context.out.notice(words.join(' · '));
  if (of('not_found').length > 0) return EXIT.not_found;
  return answers.length > 0 && answers.length === refused.length ? EXIT.conflict : EXIT.ok;
}

export function retryOptions({ given }: Context): RetryOptions {
  const priority = given.whole('priority', { min: -1_000_000_000, max: 1_000_000_000 });
  const timeout = given.duration('timeout');
  const attempts = given.whole('maxAttempts', { min: 1, max: 1_000 });
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(timeout === undefined ? {} : { attempt_timeout_ms: timeout }),
    ...(attempts === undefined ? {} : { max_attempts: attempts }),
  };
}
