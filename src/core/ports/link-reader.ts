/** Reads what a job links to. Paths are as the job gives them, relative to the workspace. */

export interface LinkReader {
  /**
   * The bytes of a file under `data/` or `prompts/`. Rejects with a `LinkError`: 'refused' (leads elsewhere, a dot name, a
   * symlink on the way, not a regular file), 'missing', or 'too_large'.
   */
  read(path: string): Promise<Uint8Array>;
  /**
   * A script under `prompts/` or `commands/`: its absolute path, to be run, and its bytes, to be hashed. Rejects like
   * {@link read}, and with 'not_executable'.
   */
  script(path: string): Promise<{ readonly file: string; readonly bytes: Uint8Array }>;
}

export class LinkError extends Error {
  readonly kind: 'refused' | 'missing' | 'too_large' | 'not_executable';

  constructor(kind: LinkError['kind'], message: string) {
    super(message);
    this.name = 'LinkError';
    this.kind = kind;
  }
}
