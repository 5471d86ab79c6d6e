/** Paths into a job as people read them: `configuration.stop[1]`, `metadata["two words"]`, `(job)` for the whole. */

/** The path of a whole value, where there is no key to name. */
export const WHOLE = '(job)';

const PLAIN_KEY = /^[A-Za-z_$][A-Za-z0-9_$-]*$/;

export function childPath(parent: string, key: PropertyKey): string {
  const top = parent === '' || parent === WHOLE;
  if (typeof key === 'number') return `${top ? '' : parent}[${key}]`;
  const text = String(key);
  if (!PLAIN_KEY.test(text)) return `${top ? '' : parent}[${JSON.stringify(text.toWellFormed())}]`;
  return top ? text : `${parent}.${text}`;
}

export function pathOf(keys: readonly PropertyKey[], root: string = WHOLE): string {
  let path = root;
  for (const key of keys) path = childPath(path, key);
  return path;
}

/** `prefix` `[3]` and `path` `prompt.base` give `[3].prompt.base`: a job's fault in the lot that it came with. */
export function joinPaths(prefix: string, path: string): string {
  if (prefix === '' || prefix === WHOLE) return path;
  if (path === '' || path === WHOLE) return prefix;
  return path.startsWith('[') ? `${prefix}${path}` : `${prefix}.${path}`;
}

/** The path that contains this one; null for a whole value. */
export function parentPath(path: string): string | null {
  if (path === '' || path === WHOLE) return null;
  if (path.endsWith(']')) {
    const quoted = path.lastIndexOf('["');
    const at = path.endsWith('"]') && quoted !== -1 ? quoted : path.lastIndexOf('[');
    return at <= 0 ? WHOLE : path.slice(0, at);
  }
  const dot = path.lastIndexOf('.');
  return dot === -1 ? WHOLE : path.slice(0, dot);
}
