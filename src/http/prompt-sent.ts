/**
 * The prompt of a run as it was sent: its messages where they were built at acceptance; where scripts make them, those of the
 * attempt that answered, else of the latest attempt that came so far, else of none.
 */
import { Problem } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import { formatRunRef } from '../core/names.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import { type PromptRecipe, readPrompt } from '../core/recipe.ts';
import type { RunRow } from '../core/rows.ts';
import type { JobDetail, PromptMade } from '../core/views.ts';
import { jsonOf } from './views.ts';

type Reads = Pick<ReadStore, 'spec' | 'body' | 'attempts' | 'result'>;
type Made = Pick<PromptMade, 'attempt' | 'sha256'>;

const NOT_MADE: Made = { attempt: null, sha256: null };

/** `attempt`: of this one. Throws Problem NotFound where the run has had no such attempt. */
export function promptSent(
  reads: Reads,
  run: RunRow,
  attempt: number | null,
): Pick<NonNullable<JobDetail['with']>, 'prompt' | 'prompt_made'> {
  const own = attempt === null ? null : promptOfAttempt(reads, run, attempt);
  const spec = reads.spec(run.id);
  const stored = spec && reads.body(spec.prompt_sha256);
  const recipe = stored === null ? null : readPrompt(stored).recipe;
  if (recipe === null) return { prompt: jsonOf(stored) };
  const made = own ?? promptOfAnswer(reads, run) ?? latestPrompt(reads, run) ?? NOT_MADE;
  const prompt: Json = made.sha256 === null ? null : jsonOf(reads.body(made.sha256));
  return { prompt, prompt_made: { scripts: scriptsOf(recipe), ...made } };
}

function promptOfAttempt(reads: Reads, run: RunRow, attempt: number): Made {
  const row = reads.attempts(run.id).find((one) => one.attempt === attempt);
  if (row === undefined)
    throw new Problem('NotFound', `${formatRunRef(run)} has had no attempt ${attempt}`, {
      hint: `Look with: promptd show ${formatRunRef(run)}`,
    });
  return { attempt, sha256: row.prompt_sha256 };
}

function promptOfAnswer(reads: Reads, run: RunRow): Made | null {
  const result = reads.result(run.id);
  const sha256 = result?.meta.prompt_sha256;
  return result === null || sha256 === undefined ? null : { attempt: result.attempt, sha256 };
}

function latestPrompt(reads: Reads, run: RunRow): Made | null {
  const row = reads.attempts(run.id).findLast((one) => one.prompt_sha256 !== null);
  return row === undefined ? null : { attempt: row.attempt, sha256: row.prompt_sha256 };
}

function scriptsOf(recipe: PromptRecipe): string[] {
  const calls = recipe.kind === 'script' ? [recipe.script] : Object.values(recipe.scripts);
  return [...new Set(calls.map(({ script }) => script))];
}
