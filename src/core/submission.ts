/**
 * A job on its way from a door to the queue: validated, its prompt built, its digest known. The door does all of that, so
 * that the writer of the queue only has to decide.
 */
import type { Json } from './json.ts';
import type { Attachments } from './messages.ts';
import type { JobSource, JobType, LaneNeeds, RunOptions } from './rows.ts';
import type { RunState } from './states.ts';

export interface PreparedJob {
  readonly name: string;
  readonly batch: string | null;
  readonly key: string | null;
  readonly type: JobType;
  readonly source: JobSource;
  readonly endpoint: string;
  readonly model: string;
  readonly needs: LaneNeeds;
  readonly digest: string;
  /** Canonical JSON whose hash the digest is. */
  readonly request: string;
  /** The job as given: canonical JSON of `{type, prompt, configuration}`, and its SHA-256 in hex. */
  readonly spec: string;
  readonly spec_sha256: string;
  /** The built prompt: canonical JSON of its messages, or of the recipe for them (core/recipe.ts), and its SHA-256 in hex. */
  readonly prompt: string;
  readonly prompt_sha256: string;
  /** What the prompt has attached. */
  readonly attachments: Attachments;
  readonly options: RunOptions;
  readonly metadata: Json | undefined;
  /** Where the job stands: `<name>.json`, or `<file>#<key>` for a line of a batch file. */
  readonly link: string;
  readonly if_exists: 'same' | 'new_run';
}

export type OnInvalid = 'refuse_all' | 'skip';

/**
 * What became of one job of a submission.
 * `created`: a new run, to be asked. `answered_before`: a new run that took the answer of the same work, or a run that was
 * known and is completed. `shared`: a new run that waits for the same work under way. `known`: that very run was accepted
 * before and has not completed. `conflict`: the name is taken by another content; nothing was done.
 */
export type SubmitVerdict = 'created' | 'answered_before' | 'shared' | 'known' | 'conflict';

export interface SubmittedJob {
  readonly name: string;
  readonly run: number;
  readonly state: RunState;
  readonly verdict: SubmitVerdict;
  /** The job was known under other options; they were left as they are. */
  readonly options_differ: boolean;
  /** A further run of its name, made by this submission. */
  readonly next_run: boolean;
}

export interface SubmitReceipt {
  /** One for each job of the submission, in its order. */
  readonly jobs: readonly SubmittedJob[];
  /** False where a conflict refused the whole submission; then the verdicts of those that do not conflict say nothing. */
  readonly accepted: boolean;
}
