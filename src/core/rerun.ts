/**
 * A fresh draw of a run: the very job that is stored, as the next run of its name. Nothing is read anew, so what was edited
 * since changes nothing; a prompt with scripts keeps its recipe.
 */
import { digestOf, freshRequest, readRequest } from './identity.ts';
import { needsOf } from './order-of.ts';
import type { RetryOptions } from './ports/scheduler.ts';
import { readPrompt } from './recipe.ts';
import type { RunRow, SpecRow } from './rows.ts';
import type { PreparedJob } from './submission.ts';

export interface StoredJob {
  readonly run: RunRow;
  readonly spec: SpecRow;
  /** The bodies that the specification names. */
  readonly spec_body: string;
  readonly prompt_body: string;
}

/** `word` makes the draw: the same work only as what is drawn under it, too. */
export function freshDrawOf(stored: StoredJob, word: string, given: RetryOptions): PreparedJob {
  const { run, spec, spec_body, prompt_body } = stored;
  const request = freshRequest(spec.request, word);
  const { max_attempts, attempt_timeout_ms } = run;
  return {
    name: run.name,
    batch: run.batch,
    key: run.key,
    type: run.type,
    // It has its job file already.
    source: run.source === 'http' ? 'folder' : run.source,
    endpoint: run.endpoint,
    model: run.model,
    needs: needsOf({ ...readRequest(request), ...readPrompt(prompt_body) }),
    digest: digestOf(request),
    request,
    spec: spec_body,
    spec_sha256: spec.spec_sha256,
    prompt: prompt_body,
    prompt_sha256: spec.prompt_sha256,
    // They are stored with the run before, and bodies stay.
    attachments: {},
    options: { ...spec.options, max_attempts, attempt_timeout_ms, run_at: null, ...given },
    metadata: spec.metadata,
    link: spec.link,
    if_exists: 'new_run',
  };
}
