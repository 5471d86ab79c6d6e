/**
 * What runs an attempt is given, made of what acceptance made of the job: for the scheduler, which stored that, and for
 * `promptd execute`, which has just made it.
 */
import type { AttemptOrder, AttemptRef } from './attempt.ts';
import { readRequest } from './identity.ts';
import type { Json, JsonObject } from './json.ts';
import { attachedBodies } from './messages.ts';
import { type JobAsGiven, readPrompt } from './recipe.ts';
import type { LaneNeeds, RunOptions } from './rows.ts';

export interface AcceptedWork {
  readonly ref: AttemptRef;
  /** Canonical JSON whose hash the digest is. */
  readonly request: string;
  /** Canonical JSON of the messages, or of the recipe for them. */
  readonly prompt: string;
  readonly limits: Pick<RunOptions, 'attempt_timeout_ms' | 'first_token_timeout_ms' | 'stall_timeout_ms'>;
}

/** Without attachments, and without the job: see {@link attachedTo} and {@link needsJob}. */
export function orderOf({ ref, request, prompt, limits }: AcceptedWork): AttemptOrder {
  const { type, endpoint, model, command, argv, parameters, extra, drawers } = readRequest(request);
  const { attempt_timeout_ms, first_token_timeout_ms, stall_timeout_ms } = limits;
  return {
    ...ref,
    type,
    endpoint,
    model,
    ...readPrompt(prompt),
    attachments: {},
    command,
    argv,
    job: null,
    parameters,
    extra,
    drawers,
    attempt_timeout_ms,
    first_token_timeout_ms,
    stall_timeout_ms,
  };
}

/** What an instance must have to run it. */
export function needsOf({
  type,
  command,
  recipe,
}: Pick<AttemptOrder, 'type' | 'command' | 'recipe'>): LaneNeeds {
  if (type === 'command') return 'exec';
  return command !== null || recipe !== null ? 'workspace' : '';
}

/** Whether a script or a command of it is to see the whole job. */
export function needsJob({ recipe, command, argv }: AttemptOrder): boolean {
  return recipe !== null || command !== null || argv !== null;
}

/** SHA-256 (hex) of the bodies that its prompt has attached, each once. */
export function attachedTo({ messages, recipe }: AttemptOrder): readonly string[] {
  if (recipe?.kind !== 'template') return attachedBodies(messages);
  return attachedBodies(recipe.template.filter((part) => typeof part !== 'string'));
}

/** `spec` is the job as given: canonical JSON of `{type, prompt, configuration}`. */
export function jobAsGiven(
  about: Pick<JobAsGiven, 'name' | 'run' | 'batch' | 'key' | 'type'> & {
    readonly metadata: Json | undefined;
  },
  spec: string,
): JobAsGiven {
  const given = JSON.parse(spec) as JsonObject;
  const { name, run, batch, key, type, metadata = null } = about;
  return {
    name,
    run,
    batch,
    key,
    metadata,
    type,
    prompt: given['prompt'] as Json,
    configuration: given['configuration'] as Json,
  };
}
