/** Reads promptd.config.json: comments allowed, unknown keys refused, every fault with line and column. */
import { z } from 'zod';
import { DURATION_EXPECTED, parseDuration } from '../core/durations.ts';
import { ENDPOINT_KINDS, ISOLATIONS } from '../core/endpoints.ts';
import { Problem, type Fault } from '../core/errors.ts';
import { decodeUtf8, parseJobText, placeFaults } from '../core/job-text.ts';
import { pathOf, WHOLE } from '../core/job-path.ts';
import { NAME_EXPECTED, NAME_PATTERN } from '../core/names.ts';

const port = z.int().min(0).max(65_535);
const count = z.int().min(1).max(100_000);
const httpUrl = z.url({ protocol: /^https?$/, error: 'a URL that begins with http:// or https://' });

const duration = z
  .union([z.string(), z.number()], { error: DURATION_EXPECTED })
  .refine((value) => parseDuration(value) !== null, { error: DURATION_EXPECTED });

const endpoint = z.strictObject({
  kind: z.enum(ENDPOINT_KINDS),
  base_url: httpUrl.optional(),
  base_urls: z.array(httpUrl).min(1).max(64).optional(),
  api_key_env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'the name of an environment variable' })
    .optional(),
  api_key_file: z.string().min(1).optional(),
  max_concurrent: count.optional(),
  sticky_models: z.boolean().optional(),
  tokens_per_second: z.number().min(0).optional(),
  module: z.string().min(1, { error: 'the path of a .py, .js, .mjs or .ts file' }).optional(),
  instances: z.int().min(1).max(1_000).optional(),
  poll: duration.optional(),
  shared: z.boolean().optional(),
  isolation: z.enum(ISOLATIONS).optional(),
});

const price = z.strictObject({
  input: z.number().min(0),
  cached: z.number().min(0).optional(),
  output: z.number().min(0),
  /** Tokens that these prices are for. */
  per: z.int().min(1),
  currency: z.string().regex(/^[A-Z]{3}$/, { error: 'a currency such as "USD"' }),
  as_of: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, { error: 'a date such as "2026-11-02"' }),
});

const listening = {
  host: z.string().min(1).optional(),
  port: port.optional(),
  tls: z
    .null({ error: 'null: this version does not speak TLS itself; put a proxy that does before it' })
    .optional(),
  insecure: z.boolean().optional(),
};

export const CONFIG_SCHEMA = z.strictObject({
  $schema: z.string().optional(),
  default_endpoint: z.string().optional(),
  endpoints: z.record(z.string().regex(NAME_PATTERN, { error: NAME_EXPECTED }), endpoint).optional(),
  http: z.strictObject({ ...listening, allowed_hosts: z.array(z.string()).max(64).optional() }).optional(),
  instances: z.strictObject(listening).optional(),
  instance: z
    .strictObject({
      name: z.string().regex(NAME_PATTERN, { error: NAME_EXPECTED }).optional(),
      slots: count.optional(),
      allow_exec: z.boolean().optional(),
      isolation: z.enum(ISOLATIONS).optional(),
      pass_env: z
        .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'the name of an environment variable' }))
        .max(200)
        .optional(),
    })
    .optional(),
  /** By `endpoint:model`. */
  prices: z.record(z.string(), price).optional(),
  state_dir: z.string().min(1).optional(),
  /** The folder `jobs/`. */
  watch: z
    .strictObject({ enabled: z.boolean().optional(), on_change: z.enum(['report', 'new_run']).optional() })
    .optional(),
  disk_free_min_bytes: z.int().min(0).optional(),
  /** Logs of attempts; never results. */
  logs: z.strictObject({ retention: duration.optional() }).optional(),
  log_level: z.enum(['debug', 'info', 'warn', 'error']).optional(),
});

export type ConfigFile = z.infer<typeof CONFIG_SCHEMA>;
export type EndpointFile = z.infer<typeof endpoint>;

/** Rejects with Problem InvalidConfig whose faults say where. `file` is named in them as it is given. */
export function parseConfigFile(bytes: Uint8Array, file: string): ConfigFile {
  const text = decodeUtf8(bytes);
  if (typeof text !== 'string') throw invalid([text], file);
  const parsed = parseJobText(text);
  if (parsed.faults.length > 0) throw invalid(parsed.faults, file);
  const result = CONFIG_SCHEMA.safeParse(parsed.value);
  if (result.success) return result.data;
  const faults = result.error.issues.flatMap((issue): Fault[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        code: 'InvalidConfig',
        path: pathOf([...issue.path, key]),
        expected: 'a key that promptd knows (docs/configuration.md lists them)',
        got: JSON.stringify(key),
      }));
    }
    return [
      {
        code: 'InvalidConfig',
        path: pathOf(issue.path),
        expected: expectedOf(issue),
        got: shown(valueAt(parsed.value, issue.path)),
      },
    ];
  });
  throw invalid(placeFaults(faults, parsed), file);
}

const KIND_WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/** What zod expected, in the words of our own messages. */
function expectedOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return KIND_WORDS[issue.expected] ?? issue.expected;
  if (issue.code === 'invalid_value')
    return `one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
  return issue.message
    .replace(/^(?:Invalid input|Too small|Too big): expected /, '')
    .replace(/^(number|int) to be /, 'a number ')
    .replace(/^(string|array) to have /, 'one with ');
}

function invalid(all: readonly Fault[], file: string): Problem {
  const faults = all.map((fault) => (fault.path === WHOLE ? { ...fault, path: '(file)' } : fault));
  const first = faults[0];
  const where = first?.line === undefined ? file : `${file}:${first.line}:${first.column ?? 1}`;
  return new Problem(
    'InvalidConfig',
    `${where}: ${first?.path ?? ''}: expected ${first?.expected ?? ''}, got ${first?.got ?? ''}`,
    { faults },
  );
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const key of path)
    at = typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined;
  return at;
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value).slice(0, 100);
}
