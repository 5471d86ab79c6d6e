/** Collects the faults of one job, each once, and turns zod's issues into them. */
import type { z } from 'zod';
import { anyOf, describe } from './describe.ts';
import type { ErrorCode, Fault } from './errors.ts';
import { childPath, pathOf } from './job-path.ts';
import { LIMITS } from './limits.ts';
import { nearest } from './vocabulary.ts';

/** What other tools call keys of a job, where that is no slip of the pen. */
const KEY_ALIASES: Readonly<Record<string, string | undefined>> = Object.assign(
  Object.create(null) as Record<string, string>,
  {
    retries: 'max_attempts',
    max_retries: 'max_attempts',
    attempts: 'max_attempts',
    deadline: 'timeout',
    timeout_ms: 'timeout',
    start_at: 'run_at',
    not_before: 'run_at',
    labels: 'tags',
    text: 'content',
    id: 'key',
    custom_id: 'key',
    config: 'configuration',
    params: 'configuration',
    parameters: 'configuration',
  },
);

export class JobFaults {
  readonly list: Fault[] = [];

  add(code: ErrorCode, path: string, expected: string, got: string, hint?: string | null): void {
    if (this.list.length >= LIMITS.faults_max) return;
    this.list.push({ code, path, expected, got, ...(hint === undefined || hint === null ? {} : { hint }) });
  }

  /** A key that no shape has, with the nearest one that it has. */
  unknownKey(parent: string, key: string, known: readonly string[]): void {
    const alias = KEY_ALIASES[key];
    const meant = alias !== undefined && known.includes(alias) ? alias : nearest(key, known);
    const hint = meant === null ? undefined : `Did you mean ${meant}?`;
    this.add('InvalidJob', childPath(parent, key), anyOf(known), describe(key), hint);
  }

  /**
   * The value as `schema` gives it back, or undefined after adding what is wrong with it. The messages of the schema's
   * issues are what was expected.
   */
  check<Schema extends z.ZodType>(schema: Schema, value: unknown, path: string): z.infer<Schema> | undefined {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const at = pathOf(issue.path, path);
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) this.unknownKey(at, key, keysOf(schema));
      } else {
        this.add('InvalidJob', at, issue.message, describe(valueAt(value, issue.path)));
      }
    }
    return undefined;
  }
}

function keysOf(schema: z.ZodType): readonly string[] {
  return 'shape' in schema ? Object.keys(schema.shape as object) : [];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<PropertyKey, unknown>)[key];
  }
  return found;
}
