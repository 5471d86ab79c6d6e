/**
 * A named place where a test may end the process, to prove that nothing is lost there. Outside of such tests the hook does
 * nothing. The rows F… are those of the fault matrix that a point stands for.
 */
export type CrashPoint = (name: CrashPointName) => void;

export const CRASH_POINTS = [
  /** F07: a new schema is made, and not committed. */
  'store.in_migration',
  'store.after_migration',
  /** What the last scheduler left was read; nothing was done about it. */
  'start.after_load',
  /** Leases have their fresh terms; nobody can come yet. */
  'start.after_restore',
  /** Instances may come; HTTP is closed. */
  'start.after_listen',
  /** All doors are open; nobody knows where. */
  'start.before_announce',
  /** F13, F16: an instance says who it is; no turn has heard of it. */
  'session.before_greet',
  /** It has listed what it holds; nothing is settled. */
  'session.before_settle',
  /** F04: a submission is read and checked; no turn has heard of it. */
  'submit.before_turn',
  /** F05: it is committed; the caller does not know. */
  'submit.before_answer',
  /** F01: files of `jobs/` are read and checked; the queue has not heard of them. */
  'watcher.before_submit',
  /** F02: they are committed; the watcher has not noted it. */
  'watcher.after_submit',
  /** The turn has decided; nothing is written. */
  'turn.before_commit',
  /** F10: of a turn that gives runs to instances. */
  'turn.before_claim',
  /** F06: rows are written, and not committed. */
  'store.in_commit',
  /** The turn is on disk; nobody was told. */
  'turn.after_commit',
  /** F22, F38: outcomes are on disk; the instances that brought them do not know. */
  'turn.before_acknowledge',
  /** F14: a cancel is on disk; whoever runs the attempt does not know. */
  'turn.before_abort',
  /** F11: receipts are out; nothing was dispatched. */
  'turn.before_dispatch',
  /** F13: dispatched; nobody has accepted. */
  'turn.after_dispatch',
  /** Everything of the turn was sent. */
  'turn.after_release',
  /** F15: a retry or a `run_at` is due; no turn has heard of it. */
  'timer.due',
  /** A gate may be tried again. */
  'timer.wake',
  /** F09: the log of an outcome is in its file; no row says where. */
  'log.after_append',
  /** F09: changes are committed; those who follow have not heard of them. */
  'events.before_fan_out',
  /** F08: the database's log is copied outside of turns, then emptied. */
  'store.before_checkpoint',
  'store.in_checkpoint',
  'store.after_checkpoint',
  /** The index of bodies is filed outside of turns. */
  'store.before_filing',
  'store.after_filing',
  /** Leftovers are swept; nothing was published. */
  'publisher.after_prepare',
  /** F34, F35 */
  'publisher.after_temp',
  'publisher.before_link',
  /** F36 */
  'publisher.after_link',
  /** F39 */
  'publisher.before_unlink',
  'publisher.before_sync',
  /** F37 */
  'publisher.after_sync',
  'publisher.after_report',
  /** The spool of earlier processes was read; nobody was spoken to. */
  'instance.after_open',
  /** Welcomed; nothing was said of what it holds. */
  'instance.after_welcome',
  /** F16: an order arrived; nothing was said. */
  'instance.before_accept',
  /** F17 */
  'instance.after_accept',
  /** Told to end an attempt, which goes on. */
  'instance.before_abort',
  /** F19: an outcome is there, and not yet on the instance's disk. */
  'instance.before_spool',
  /** F20 */
  'instance.after_spool',
  /** F22: it was sent; nobody has acknowledged it. */
  'instance.after_send',
  /** It is acknowledged, and not forgotten. */
  'instance.before_forget',
  'instance.after_forget',
] as const;
export type CrashPointName = (typeof CRASH_POINTS)[number];
