/** JSON pointers (RFC 6901): how a command says where in a server's JSON its answer stands. */
import type { Json } from './json.ts';

/** A pointer, or the place where it leads no further: what stands there, and the pointer to it. */
export type Pointed =
  | { readonly found: Json }
  | { readonly found?: never; readonly at: string; readonly there: Json };

const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/;
const INDEX = /^(?:0|[1-9]\d{0,9})$/;

/** `''` is one: it points at the whole value. */
export function isJsonPointer(text: string): boolean {
  return POINTER.test(text);
}

/** Own properties and elements only: `/__proto__` leads nowhere, unless the JSON has such a key. */
export function lookUp(value: Json, pointer: string): Pointed {
  let there = value;
  let at = '';
  for (const token of pointer.split('/').slice(1)) {
    const next = child(there, token.replaceAll('~1', '/').replaceAll('~0', '~'));
    if (next === undefined) return { at, there };
    there = next;
    at = `${at}/${token}`;
  }
  return { found: there };
}

function child(value: Json, key: string): Json | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return INDEX.test(key) ? (value as readonly Json[])[Number(key)] : undefined;
  return Object.hasOwn(value, key) ? (value as Readonly<Record<string, Json>>)[key] : undefined;
}
