/** What an error of the file system means to a writer of files that must last. */

/** An error of the operating system, as Node gives it: one of Node itself (a wrong argument) has a code but no system call. */
export interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  /** Not of calls on an open file. */
  readonly path?: string;
  /** The second path of those that have two. */
  readonly dest?: string;
}

export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error;
}

export function hasCode(error: unknown, code: string): boolean {
  return isSystemError(error) && error.code === code;
}

/**
 * Whether it is the failure of an fsync after which nothing on that disk can be believed: the kernel may have thrown the
 * pages away, and the next fsync would say "done". A full disk is not one: what was being written is thrown away and made
 * again from its row.
 */
export function isFailedSync(error: unknown): boolean {
  if (!isSystemError(error) || (error.syscall !== 'fsync' && error.syscall !== 'fdatasync')) return false;
  return error.code !== 'ENOSPC' && error.code !== 'EDQUOT';
}
