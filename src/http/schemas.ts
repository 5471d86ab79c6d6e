/** What comes in with requests, and what goes out, as zod schemas: requests are checked by them, OpenAPI is made from all. */
import { z } from 'zod';
import { jobSchema, optionsSchema } from '../core/job-schema.ts';
import { NAME_EXPECTED, parseRunRef, splitResultFileName } from '../core/names.ts';
import { RUN_STATES } from '../core/states.ts';

export const refParams = z.object({
  ref: z
    .string()
    .refine((text) => parseRunRef(text) !== null, { error: `${NAME_EXPECTED}, with or without @RUN` })
    .meta({
      description: 'The name of a job (its latest run), or a run of it: `faq-17`, `faq-17@2`',
      example: 'faq-17',
    }),
});

export const batchParams = z.object({ batch: z.string().min(1).max(200) });
export const instanceParams = z.object({ id: z.coerce.number().int().min(0) });

export const fileParams = refParams.extend({
  file: z.string().min(1).max(200).meta({ description: 'As the result names it', example: 'chart.png' }),
});

export const resultFileParams = z.object({
  result_file: z
    .string()
    .refine((name) => splitResultFileName(name) !== null, {
      error: 'the name of a result file, <EPOCH>_<name>.json',
    })
    .meta({ description: 'The name of a file in results/', example: '1796112003000_faq-17.json' }),
});

const flag = z.enum(['true', 'false', '1', '0']);
const text = z.string().min(1).max(1_000);

export function isTrue(value: z.infer<typeof flag> | undefined): boolean {
  return value === 'true' || value === '1';
}

const filterFields = {
  batch: text.optional(),
  reason: text.optional(),
  endpoint: text.optional(),
  model: text.optional(),
  tag: text.optional(),
  key: text.optional(),
  since: text
    .optional()
    .meta({ description: 'Submitted at or after this: RFC 3339', example: '2026-12-01T08:00:00Z' }),
  prefix: text.optional().meta({ description: 'Names that begin with this' }),
};

const stateQuery = text
  .optional()
  .meta({ description: `One or more of ${RUN_STATES.join(', ')}, with commas between` });

const filterQuery = z.strictObject({
  ...filterFields,
  state: stateQuery,
  latest: flag.optional().meta({ description: 'Only the latest run of each name (default true)' }),
});

export const listQuery = filterQuery.extend({
  limit: z.coerce.number().int().min(1).optional(),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, { error: 'a cursor as it was given with the page before' })
    .optional(),
});

export const resultQuery = z.strictObject({
  analyse: flag.optional().meta({ description: 'Take its Markdown apart' }),
});

export const countsQuery = filterQuery.extend({
  by: text
    .optional()
    .meta({ description: 'One or more of state, reason, model, endpoint, batch (default state)' }),
});

const wait = z.coerce.number().min(0).optional().meta({ description: 'Seconds to wait for the end' });

export const jobQuery = z.strictObject({
  wait,
  with: text.optional().meta({ description: 'One or more of attempts, spec, prompt, request, runs' }),
  attempt: z.coerce.number().int().min(1).optional().meta({ description: 'The prompt of this attempt' }),
});

export const waitQuery = z.strictObject({ wait });
export const limitQuery = z.strictObject({ limit: z.coerce.number().int().min(1).optional() });
const word = z.string().min(1).max(200);
export const submitQuery = z.strictObject({
  on_invalid: z.enum(['skip']).optional(),
  fresh: word
    .optional()
    .meta({ description: 'Fresh draws: answers are shared only with what was submitted with the same word' }),
});
export const eventsQuery = z.strictObject({ batch: text.optional() });

export const logsQuery = z.strictObject({
  attempt: z.coerce.number().int().min(1).optional(),
  offset: z.coerce.number().int().min(0).optional(),
  follow: flag.optional(),
});

/** As in a job, or the name under which the server keeps it. */
const retryOptions = optionsSchema
  .pick({ priority: true, timeout: true, max_attempts: true })
  .extend({ attempt_timeout_ms: z.int().min(1).optional() });

export const retryBody = z.strictObject({ options: retryOptions.optional() });

const fresh = word
  .optional()
  .meta({ description: 'Names the draw: with the same word again it is this draw; random unless given' });
export const rerunBody = z.strictObject({ options: retryOptions.optional(), fresh });

const selection = {
  names: z
    .array(z.string())
    .optional()
    .meta({ description: 'Names, or `name@run`; not together with other fields' }),
  ...filterFields,
  state: z.array(z.enum(RUN_STATES)).optional(),
  latest: z.boolean().optional(),
};

export const cancelBody = z.strictObject(selection);
export const rerunManyBody = z.strictObject({ ...selection, options: retryOptions.optional(), fresh });
export const retryManyBody = z.strictObject({ ...selection, options: retryOptions.optional() });

/** For the documentation alone: a job's own faults are found, and told better, by core. */
export const submissionBody = z
  .union([jobSchema, z.array(jobSchema)])
  .meta({ description: 'One job; an array of jobs; or, as application/x-ndjson, one job a line' });
