/** At which of the crash points a process of the simulation can end, and why not at the others. */
import { CRASH_POINTS } from '../../src/core/ports/crashpoint.ts';

/** Crash points outside of what is simulated; the crash tests in e2e/ end real processes there. */
export const OTHER_POINTS: Readonly<Record<string, string>> = {
  'store.in_migration': 'the database of a simulation is made before its server starts',
  'store.after_migration': 'as store.in_migration',
  'store.before_checkpoint': 'a database in memory has no log to copy',
  'store.in_checkpoint': 'as store.before_checkpoint',
  'store.after_checkpoint': 'as store.before_checkpoint',
  'store.before_filing': 'bodies are filed by a timer of the app, outside of turns',
  'store.after_filing': 'as store.before_filing',
  'start.after_listen': 'the doors are opened by the app',
  'start.before_announce': 'as start.after_listen',
  'submit.before_turn': 'the door before the scheduler is HTTP',
  'submit.before_answer': 'as submit.before_turn',
  'events.before_fan_out': 'listeners are HTTP',
};

export const REACHABLE_POINTS = CRASH_POINTS.filter((name) => !Object.hasOwn(OTHER_POINTS, name));
