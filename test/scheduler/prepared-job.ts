/** Jobs as a door hands them over: validated, built, hashed. */
import { canonicalRequest, digestOf, requestOf, sha256 } from '../../src/core/identity.ts';
import { canonicalJson, type JsonObject } from '../../src/core/json.ts';
import type { ScriptCall } from '../../src/core/recipe.ts';
import type { RunOptions } from '../../src/core/rows.ts';
import type { PreparedJob } from '../../src/core/submission.ts';

export interface JobWish extends Partial<Omit<PreparedJob, 'options'>> {
  readonly options?: Partial<RunOptions>;
  /** What is asked; the same text is the same work. Default: the name, so that every name is work of its own. */
  readonly text?: string;
  /** Whether a script makes the prompt, at the attempt. */
  readonly script?: boolean;
}

const OPTIONS: RunOptions = {
  priority: 0,
  attempt_timeout_ms: 600_000,
  first_token_timeout_ms: 300_000,
  stall_timeout_ms: 60_000,
  max_attempts: 4,
  run_at: null,
  tags: [],
};

/** A prompt that a script is to print, which is told what is to be asked. */
function recipeOf(text: string): JsonObject {
  const script = {
    script: 'prompts/ask.py',
    args: text,
    pure: false,
    source_sha256: sha256('ask'),
    inputs: [],
  } satisfies ScriptCall;
  return { kind: 'script', script };
}

export function jobOf(name: string, wish: JobWish = {}): PreparedJob {
  const { text = name, script = false, options = {}, endpoint = 'e', model = 'm', ...rest } = wish;
  const prompt = canonicalJson(script ? recipeOf(text) : [{ role: 'user', content: text }]);
  const spec = canonicalJson({
    type: 'llm',
    prompt: text,
    configuration: { LLM_name: `${endpoint}:${model}` },
  });
  const parts = {
    type: 'llm',
    endpoint,
    model,
    parameters: {},
    extra: {},
    drawers: {},
    sample: null,
    argv: null,
  } as const;
  const only_for = script ? name : null;
  const context = { prompt_sha256: sha256(prompt), endpoint_kind: 'simulator', only_for };
  const request = canonicalRequest(requestOf(parts, context));
  return {
    name,
    batch: null,
    key: null,
    type: 'llm',
    source: 'http',
    endpoint,
    model,
    needs: script ? 'workspace' : '',
    digest: digestOf(request),
    request,
    spec,
    spec_sha256: sha256(spec),
    prompt,
    prompt_sha256: context.prompt_sha256,
    attachments: {},
    metadata: undefined,
    link: `${name}.json`,
    if_exists: 'same',
    ...rest,
    options: { ...OPTIONS, ...options },
  };
}
