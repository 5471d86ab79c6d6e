/**
 * What is taken from a file of `results/` or `ended/` beside its text: whoever wrote it, it goes into rows that are never
 * changed, and is read by everybody who asks for the run. What says of which run the file is has to be right. What only
 * describes the answer is left out where it is not as promptd writes it: no answer is given up for that.
 */
import { z } from 'zod';
import { Problem } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { NAME_PATTERN, RUN_MAX } from '../core/names.ts';

const name = z.string().regex(NAME_PATTERN);
const run = z.int().min(1).max(RUN_MAX);
const attempt = z.int().nonnegative().max(RUN_MAX);
const key = z.string().max(LIMITS.key_length_max);

/** Left out where it is anything else. */
function told<T>(schema: z.ZodType<T>): z.ZodType<T | undefined> {
  return schema.optional().catch(undefined);
}

const tokens = z.int().nonnegative().nullable();
const ms = z.number().nullable();
const object = z.record(z.string(), z.json());

const file = z.object({
  name: z.string(),
  media_type: z.string(),
  bytes: z.int().nonnegative(),
  sha256: z.string(),
});

const both = {
  name: name.optional(),
  batch: name.nullable().optional(),
  key: key.nullable().optional(),
  endpoint: z.string().optional(),
  model: z.string().optional(),
  digest: z
    .string()
    .regex(/^\d+:[0-9a-f]{64}$/)
    .optional(),
  prompt_sha256: told(z.string()),
  prompt: told(z.array(z.json())),
};

const columns = {
  result: z.looseObject({
    ...both,
    run: run.nullable().optional(),
    attempt: attempt.optional(),
    answered_by: z.string().optional(),
    files: z.array(file).optional(),
    endpoint_kind: told(z.string()),
    model_answered: told(z.string().nullable()),
    parameters_sent: told(object),
    finish_reason: told(z.string()),
    warnings: told(z.array(z.string())),
    usage: told(
      z.object({ input: tokens, cached: tokens, output: tokens, reasoning: tokens, raw: object }).nullable(),
    ),
    timings: told(z.object({ queued_ms: ms, build_ms: ms, first_token_ms: ms, call_ms: ms })),
    cost: told(z.object({ amount: z.number(), currency: z.string(), as_of: z.string() })),
    reasoning: told(z.string()),
    promptd_version: told(z.string()),
  }),
  ended: z.looseObject({
    ...both,
    run,
    reason: z.object({ code: z.string(), message: z.string() }).nullable().catch(null),
    attempts: told(z.array(z.looseObject({ attempt: attempt.optional() }))),
  }),
};

/** Throws Problem `Corrupt` where it cannot be told of which run it is. */
export function columnsOf<T extends object>(kind: 'result' | 'ended', record: T): T {
  const { data, error } = columns[kind].safeParse(record);
  if (data !== undefined)
    return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== undefined)) as T;
  const [issue] = error.issues;
  throw new Problem('Corrupt', `"${issue?.path.join('.')}": ${issue?.message}`);
}
