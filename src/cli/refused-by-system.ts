/** What the system refuses on a path, in words that say what to do: a folder of others, a full or read-only disk is no error of ours. */
import { Problem } from '../core/errors.ts';

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);
const REFUSED: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
  'EXDEV',
]);

/** Null where it is something else, which should have been thought of. */
export function refusedBySystem(error: unknown): Problem | null {
  if (!(error instanceof Error) || !('path' in error) || !('code' in error)) return null;
  const code = String(error.code);
  if (FULL.has(code))
    return new Problem('DiskLow', error.message, { hint: 'Free some space, then try again.', cause: error });
  if (!REFUSED.has(code)) return null;
  const hint = 'Look at the permissions of that path, at its disk and at what stands there, then try again.';
  return new Problem('FolderRefused', error.message, { hint, cause: error });
}
