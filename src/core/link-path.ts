/** What a link in a job may say. The reader of links checks it again on the disk, where symlinks are. */

/** The folders of a workspace that links may lead into. */
const LINK_FOLDERS = ['data', 'prompts', 'commands'] as const;

export const LINK_EXPECTED = 'a path like "data/articles/one.txt", inside data/, prompts/ or commands/';

/** Why a link leads where jobs may not read; null where it may be followed. */
export function linkObjection(path: string): string | null {
  if (path === '') return 'it is empty';
  if (path.length > 1_000) return 'it is longer than 1000 characters';
  if (path.includes('\0')) return 'it contains a NUL character';
  if (path.includes('\\')) return 'it contains a backslash';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'it is absolute';
  const parts = path.split('/');
  if (parts.some((part) => part === '')) return 'it has an empty name in it';
  if (parts.some((part) => part === '..')) return 'it leads upwards with ".."';
  if (parts.some((part) => part.startsWith('.'))) return 'it has a name in it that begins with a dot';
  if (parts.length < 2 || !(LINK_FOLDERS as readonly string[]).includes(parts[0] ?? ''))
    return 'it is outside of those folders';
  return null;
}
