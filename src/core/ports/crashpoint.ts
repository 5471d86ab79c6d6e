/**
 * A named place where a test may end the process, to prove that nothing is lost there. Outside of such tests the hook does
 * nothing.
 */
export type CrashPoint = (name: CrashPointName) => void;

export const CRASH_POINTS = [
  /** The turn has decided; nothing is written. */
  'turn.before_commit',
  /** The turn is on disk; nobody was told. */
  'turn.after_commit',
  /** Receipts are out; nothing was dispatched. */
  'turn.before_dispatch',
  /** Everything of the turn was sent. */
  'turn.after_release',
  /** An order arrived; nothing was said. */
  'instance.before_accept',
  'instance.after_accept',
  /** An outcome is there, and not yet on the instance's disk. */
  'instance.before_spool',
  'instance.after_spool',
  'publisher.after_temp',
  'publisher.before_link',
  'publisher.after_link',
  'publisher.before_unlink',
  'publisher.after_sync',
  'publisher.after_report',
] as const;
export type CrashPointName = (typeof CRASH_POINTS)[number];
