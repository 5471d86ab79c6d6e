import type { Files } from '../core/ports/files.ts';

/**
 * The bytes of a file that somebody else may have put there; null where there is none, or something else that is not opened: at
 * the other end of a FIFO there may be nobody.
 */
export async function readRegularFile(
  files: Pick<Files, 'facts' | 'read'>,
  path: string,
): Promise<Uint8Array | null> {
  const facts = await files.facts(path);
  return facts?.kind === 'file' ? files.read(path) : null;
}
