/**
 * What JSON can carry and nothing else: MessagePack also knows dates, bytes, infinities and more, which must not
 * get into records that are hashed and stored as JSON.
 */

import type { JsonObject } from '../core/json.ts';

/** Deeper nesting is nobody's parameter; it would only exhaust the stack of whoever walks it. */
const DEPTH_MAX = 128;

function isPlainJson(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      if (value === null) return true;
      if (depth >= DEPTH_MAX) return false;
      if (Array.isArray(value)) return value.every((item) => isPlainJson(item, depth + 1));
      return isPlainObject(value, depth);
    default:
      return false;
  }
}

/** `{…}` with values of JSON, e.g. the parameters of a model. */
export function isPlainJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && isPlainObject(value, 0);
}

function isPlainObject(value: object, depth: number): boolean {
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const item of Object.values(value)) {
    if (!isPlainJson(item, depth + 1)) return false;
  }
  return true;
}
