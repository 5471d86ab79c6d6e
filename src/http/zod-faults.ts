/** What zod found wrong with a request, in the words of every other error: where, what was expected, what was got. */
import { z } from 'zod';
import { anyOf, describe } from '../core/describe.ts';
import type { Fault } from '../core/errors.ts';
import { pathOf } from '../core/job-path.ts';

/** `part` names the part of the request: `query`, `body`, `path`. */
export function zodFaults(error: z.ZodError, schema: z.ZodType, data: unknown, part: string): Fault[] {
  return error.issues.flatMap((issue): Fault[] => {
    if (issue.code === 'unrecognized_keys') {
      const expected = knownKeys(schema);
      return issue.keys.map((key) => fault(pathOf([...issue.path, key], part), expected, describe(key)));
    }
    return [fault(pathOf(issue.path, part), expectedOf(issue), describe(valueAt(data, issue.path)))];
  });
}

function fault(path: string, expected: string, got: string): Fault {
  return { code: 'InvalidRequest', path, expected, got };
}

/** zod's own words say what is wrong, not what was expected; those of a schema of ours stand as they are. */
const ZODS_OWN = /^(Invalid|Too) /;

function expectedOf(issue: z.core.$ZodIssue): string {
  if (!ZODS_OWN.test(issue.message)) return issue.message;
  if (issue.code === 'invalid_value') return anyOf(issue.values.map(String));
  if (issue.code === 'invalid_type') return `a value of type ${issue.expected}`;
  if (issue.code === 'too_small') return `at least ${String(issue.minimum)}`;
  if (issue.code === 'too_big') return `at most ${String(issue.maximum)}`;
  return issue.message;
}

function knownKeys(schema: z.ZodType): string {
  return schema instanceof z.ZodObject ? anyOf(Object.keys(schema.shape)) : 'a known key';
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    data,
  );
}
