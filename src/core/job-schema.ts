/**
 * The shape of a job, once: what checkJob validates with, what editors complete with, what the HTTP documentation shows.
 * The `error` of each leaf is what the fault will say was expected. Unions stand only in {@link jobSchema}; where a value
 * may be of several shapes, checkJob chooses one first, since a union says no more than "Invalid input".
 */
import { z } from 'zod';
import { DURATION_EXPECTED, parseDuration } from './durations.ts';
import type { JsonObject } from './json.ts';
import { LIMITS } from './limits.ts';
import { NAME_EXPECTED, NAME_PATTERN } from './names.ts';
import { DRAWERS, type Parameter } from './vocabulary.ts';

const text = (error: string): z.ZodString => z.string({ error });
const filled = (error: string): z.ZodString => z.string({ error }).regex(/\S/, { error });
const within = (min: number, max: number): z.ZodNumber => {
  const error = `a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
};
const integer = (min: number, max: number, error: string): z.ZodInt =>
  z.int({ error }).min(min, { error }).max(max, { error });

const SAFE = Number.MAX_SAFE_INTEGER;
const STOP_EXPECTED = 'a text, or a list of 1 to 16 texts, none of them empty';
const stopText = z.string({ error: STOP_EXPECTED }).min(1, { error: STOP_EXPECTED });
const REASONING_EXPECTED = 'true, false, "minimal", "low", "medium" or "high"';
const atLeastZero = 'a number of 0 or more';

export const parameterSchemas = {
  temperature: z
    .number({ error: atLeastZero })
    .min(0, { error: atLeastZero })
    .describe('Randomness of the answer; 0 takes the likeliest word.'),
  top_p: within(0, 1).describe('Choose among the likeliest words that together have this probability.'),
  top_k: integer(0, SAFE, 'an integer of 0 or more').describe(
    'Choose among this many of the likeliest words.',
  ),
  min_p: within(0, 1).describe('Leave out words less likely than this share of the likeliest.'),
  max_tokens: integer(1, SAFE, 'an integer of 1 or more').describe('The answer ends after so many tokens.'),
  stop: z
    .union(
      [
        stopText,
        z
          .array(stopText, { error: STOP_EXPECTED })
          .min(1, { error: STOP_EXPECTED })
          .max(16, { error: STOP_EXPECTED }),
      ],
      { error: STOP_EXPECTED },
    )
    .describe('The answer ends before any of these texts.'),
  seed: integer(-SAFE, SAFE, 'an integer').describe(
    'The same seed gives the same answer, where the platform keeps that promise.',
  ),
  frequency_penalty: within(-2, 2).describe('Against words in proportion to how often they occurred.'),
  presence_penalty: within(-2, 2).describe('Against words that occurred at all.'),
  reasoning: z
    .union([z.boolean(), z.enum(['minimal', 'low', 'medium', 'high'])], { error: REASONING_EXPECTED })
    .describe('Whether, or how much, the model thinks before it answers.'),
  response_schema: z
    .record(z.string(), z.unknown(), { error: 'a JSON Schema, as an object' })
    .describe('JSON Schema that the answer must match.'),
} as const satisfies Record<Parameter, z.ZodType>;

export const MODEL_EXPECTED = 'a model such as "ollama:llama3.2:3b"';
export const modelSchema = filled(MODEL_EXPECTED).max(500, {
  error: `${MODEL_EXPECTED}, at most 500 characters`,
});

const SAMPLE_EXPECTED = 'an integer, or a text of 1 to 200 characters';
export const sampleSchema = z
  .union(
    [
      z.int({ error: SAMPLE_EXPECTED }),
      z.string().min(1, { error: SAMPLE_EXPECTED }).max(200, { error: SAMPLE_EXPECTED }),
    ],
    { error: SAMPLE_EXPECTED },
  )
  .describe('Part of what makes two jobs the same: another sample is another draw.');

const drawer = z.record(z.string(), z.unknown(), { error: "an object with that platform's own words" });

const duration = z
  .union([z.string(), z.number()], { error: DURATION_EXPECTED })
  .refine((value) => isTimeout(value), { error: `${DURATION_EXPECTED}, from 1 ms to 20 days` });

const RUN_AT_EXPECTED = 'a time such as "2026-12-01T08:00:00Z", with its offset from UTC';
const TAGS_EXPECTED = `a list of at most ${LIMITS.tags_max} texts of 1 to ${LIMITS.tag_length_max} characters`;
const tag = z
  .string({ error: TAGS_EXPECTED })
  .min(1, { error: TAGS_EXPECTED })
  .max(LIMITS.tag_length_max, { error: TAGS_EXPECTED });
const PRIORITY_EXPECTED = `an integer from -${LIMITS.priority_max} to ${LIMITS.priority_max}`;

export const optionsSchema = z.strictObject({
  priority: integer(-LIMITS.priority_max, LIMITS.priority_max, PRIORITY_EXPECTED)
    .describe('A higher number goes first. Default 0.')
    .nullish(),
  timeout: duration.describe('One attempt, from its start to its end. Default 10m.').nullish(),
  first_token_timeout: duration.describe('Until the first token. Default 5m.').nullish(),
  stall_timeout: duration.describe('Between two tokens. Default 60s.').nullish(),
  max_attempts: integer(1, LIMITS.max_attempts_max, `an integer from 1 to ${LIMITS.max_attempts_max}`)
    .describe('Attempts that may end in errors or time-outs. Default 4.')
    .nullish(),
  run_at: z
    .string({ error: RUN_AT_EXPECTED })
    .refine((value) => parseTime(value) !== null, { error: RUN_AT_EXPECTED })
    .describe('Not before this time.')
    .nullish(),
  tags: z
    .array(tag, { error: TAGS_EXPECTED })
    .max(LIMITS.tags_max, { error: TAGS_EXPECTED })
    .describe('Words to find jobs by.')
    .nullish(),
});
export type OptionsIn = z.infer<typeof optionsSchema>;

const PROMPT_TEXT_EXPECTED = 'a text that is not blank';
export const promptTextSchema = filled(PROMPT_TEXT_EXPECTED);

const role = z.enum(['system', 'user', 'assistant'], { error: '"system", "user" or "assistant"' });
export const messageSchema = z.strictObject(
  { role, content: text('a text') },
  { error: 'an object with "role" and "content"' },
);
export const textPartSchema = z.strictObject(
  { type: z.literal('text', { error: '"text"' }), text: text('a text') },
  { error: '{"type": "text", "text": …}' },
);
export const messageOfPartsSchema = z.strictObject(
  { role, content: z.array(z.unknown()) },
  { error: 'an object with "role" and "content"' },
);

const path = text('the path of a file, such as "data/article.txt"');

/** A script with what it gets; elsewhere than in data and prompts its path may stand alone. */
export const scriptSchema = z.strictObject({
  script: text('the path of a script, such as "prompts/make.py"').describe(
    'An executable in prompts/ or commands/.',
  ),
  args: z.unknown().describe('Any JSON; the script gets it as "args".').optional(),
  pure: z
    .boolean({ error: 'true or false' })
    .describe('The same source, arguments and inputs always print the same.')
    .nullish(),
  inputs: z
    .array(path, { error: 'a list of paths' })
    .max(100, { error: 'at most 100 paths' })
    .describe('Files that a pure script reads.')
    .nullish(),
});

const ARGV_EXPECTED = 'a list of texts, the first of them a program';
export const argvSchema = z
  .array(
    text(ARGV_EXPECTED)
      .max(100_000, { error: 'a text of at most 100000 characters' })
      .refine((word) => !word.includes('\0'), { error: 'a text without NUL characters' }),
    { error: ARGV_EXPECTED },
  )
  .min(1, { error: ARGV_EXPECTED })
  .max(1_000, { error: 'at most 1000 texts' });

/** `image/png`, without parameters. */
export const MEDIA_TYPE_PATTERN = /^[a-z]+\/[a-z0-9][a-z0-9.+-]{0,99}$/i;
const MEDIA_TYPE_EXPECTED = 'a media type such as "image/png" or "application/pdf"';
const media_type = text(MEDIA_TYPE_EXPECTED)
  .regex(MEDIA_TYPE_PATTERN, { error: MEDIA_TYPE_EXPECTED })
  .nullish();
const attachedType = z.enum(['image', 'file']);
const base64 = text('the bytes of a file in base64');
const FILENAME_EXPECTED = 'a plain file name of 1 to 200 characters';
const PART_EXPECTED = { error: 'a part of a message' };

export const linkedPartSchema = z.strictObject({ type: attachedType, file: path, media_type }, PART_EXPECTED);
export const dataPartSchemas = {
  image: z.strictObject({ type: z.literal('image'), data: base64, media_type }, PART_EXPECTED),
  file: z.strictObject(
    {
      type: z.literal('file'),
      data: base64,
      media_type,
      filename: text(FILENAME_EXPECTED)
        .regex(/^[^\p{Cc}/\\]{1,200}$/u, { error: FILENAME_EXPECTED })
        .nullish(),
    },
    PART_EXPECTED,
  ),
} as const;
const IMAGE_URL_EXPECTED = '{"url": "data:image/png;base64,…"}';
export const imageUrlPartSchema = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({ url: text('"data:image/png;base64,…"') }, { error: IMAGE_URL_EXPECTED }),
});
const ROW_EXPECTED = 'the number of a row, from 0, or {"where": {column: value}}';
const where = z.strictObject({
  where: z
    .record(
      z.string(),
      z.union([z.string(), z.number(), z.boolean()], { error: 'a text, a number, true or false' }),
      { error: 'an object of columns and values' },
    )
    .refine((columns) => Object.keys(columns).length > 0, { error: 'at least one column and its value' }),
});
export const rowNumberSchema = integer(0, SAFE, ROW_EXPECTED);
export const rowWhereSchema = where;
const rowsOf = {
  row: z.union([rowNumberSchema, where], { error: ROW_EXPECTED }).optional(),
  column: filled('the name of a column').optional(),
};
const rowsChosen = { row: z.unknown().optional(), column: rowsOf.column };

/** The shapes of a data value, by the key that tells them apart. `row` is checked by its own branch. */
export const dataSchemas = {
  value: z.strictObject({ value: z.unknown() }),
  file: z.strictObject({ file: path }),
  csv: z.strictObject({ csv: path, ...rowsChosen }),
  jsonl: z.strictObject({ jsonl: path, ...rowsChosen }),
  json: z.strictObject({ json: path, ...rowsChosen }),
} as const;

/** A name that a template can say. */
export const VARIABLE_PATTERN = /^[A-Za-z_][A-Za-z0-9_-]*$/;

const dataSchema = z
  .record(
    z.string().regex(VARIABLE_PATTERN),
    z.union([
      z.string(),
      dataSchemas.value,
      dataSchemas.file,
      z.strictObject({ csv: path, ...rowsOf }),
      z.strictObject({ jsonl: path, ...rowsOf }),
      z.strictObject({ json: path, ...rowsOf }),
      scriptSchema,
    ]),
  )
  .describe(
    'What the template may say: each name becomes a variable. The text is a template only where this is given.',
  );

export const partsSchema = z.strictObject({
  prepend: text('a text').nullish(),
  base: promptTextSchema,
  append: text('a text').nullish(),
  data: z.unknown().optional(),
});
export const messagesSchema = z.strictObject({
  messages: z.array(z.unknown(), { error: 'a list of messages' }).min(1, { error: 'at least one message' }),
  data: z.unknown().optional(),
});

const partSchema = z.union([
  textPartSchema,
  linkedPartSchema.describe('An image or another file under data/ or prompts/.'),
  dataPartSchemas.image.describe('An image in the job itself.'),
  dataPartSchemas.file.describe('A file in the job itself.'),
  imageUrlPartSchema.describe('An image in the job itself, as a data: URL.'),
]);

const promptSchema = z.union([
  promptTextSchema.describe('The whole prompt: one user message.'),
  messagesSchema.extend({
    messages: z
      .array(z.union([messageSchema, messageOfPartsSchema.extend({ content: z.array(partSchema).min(1) })]))
      .min(1),
    data: dataSchema.optional(),
  }),
  partsSchema.extend({ data: dataSchema.optional() }),
  scriptSchema.describe('A script that prints the prompt, or {"messages": […]}.'),
]);

/** Other keys pass through to the platform under their own names. */
const configurationSchema = z.looseObject({
  LLM_name: modelSchema.describe('endpoint:model, or a model of the default endpoint.').optional(),
  model: modelSchema.describe('Another word for LLM_name.').optional(),
  sample: sampleSchema.optional(),
  ...optionalAll(parameterSchemas),
  ...Object.fromEntries(DRAWERS.map((name) => [name, drawer.optional()])),
  command: z
    .union([z.string(), scriptSchema])
    .describe('A script in commands/ that prints the command to run.')
    .nullish(),
  argv: argvSchema.describe('The command of a job of type "command": a program and its arguments.').nullish(),
});

export const nameSchema = text(NAME_EXPECTED).regex(NAME_PATTERN, { error: NAME_EXPECTED });
const KEY_EXPECTED = `a text of 1 to ${LIMITS.key_length_max} characters, or an integer`;
export const keySchema = z.union(
  [
    z.string().min(1, { error: KEY_EXPECTED }).max(LIMITS.key_length_max, { error: KEY_EXPECTED }),
    z.int({ error: KEY_EXPECTED }),
  ],
  { error: KEY_EXPECTED },
);
export const ifExistsSchema = z.enum(['same', 'new_run'], { error: '"same" or "new_run"' });

/** A whole job, as a file or as the body of `POST /jobs`. */
export const jobSchema = z.strictObject({
  name: nameSchema
    .describe("The job's name. Without one: the file's name, the batch and key, or its digest.")
    .nullish(),
  batch: nameSchema.describe('The batch that it belongs to.').nullish(),
  key: keySchema.describe("The caller's own word for it, echoed everywhere, in no identity.").nullish(),
  metadata: z.unknown().describe("The caller's own data, echoed everywhere, in no identity.").optional(),
  type: z.enum(['llm', 'command']).describe('llm (default) or command.').optional(),
  prompt: promptSchema.describe('What is asked.'),
  configuration: configurationSchema.describe('Who is asked, and with which parameters.'),
  options: optionsSchema.describe('How it is run. In no identity.').nullish(),
  if_exists: ifExistsSchema
    .describe(
      'Where the name stands for other work: refuse (same, default), or ask as its next run (new_run).',
    )
    .nullish(),
});

/** JSON Schema of a job file, draft 2020-12, for editors. */
export function jobJsonSchema(): JsonObject {
  const schema = z.toJSONSchema(jobSchema, { io: 'input' }) as JsonObject;
  const properties = schema['properties'] as JsonObject;
  return {
    ...schema,
    title: 'A job of promptd',
    // Job files name their schema so that editors find it.
    properties: { $schema: { type: 'string' }, ...properties },
  };
}

/** RFC 3339 with an offset, in Unix ms; null where it is none. */
export function parseTime(value: string): number | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(value)) return null;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? null : ms;
}

function isTimeout(value: string | number): boolean {
  const ms = parseDuration(value);
  return ms !== null && ms >= 1 && ms <= LIMITS.timeout_max_ms;
}

function optionalAll<Shape extends Record<string, z.ZodType>>(
  shape: Shape,
): { [Key in keyof Shape]: z.ZodOptional<z.ZodNullable<Shape[Key]>> } {
  const entries = Object.entries(shape).map(([key, schema]) => [key, schema.nullish()] as const);
  return Object.fromEntries(entries) as { [Key in keyof Shape]: z.ZodOptional<z.ZodNullable<Shape[Key]>> };
}
