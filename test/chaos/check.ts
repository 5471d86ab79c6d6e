/**
 * The checker of a chaos run, after the manner of Jepsen: what users sent and were told, against what is found. Pure, so
 * that made histories prove that it can fail.
 */
import { checkAnswers } from './check-answers.ts';
import { checkRuns } from './check-runs.ts';
import { checkSpend } from './check-spend.ts';
import { checkTime } from './check-time.ts';
import type { Evidence } from './evidence.ts';
import type { Op } from './history.ts';

/**
 * `lost`: acknowledged, and not there. `unexpected`: there, and nobody asked for it. `double`: there twice. `changed`: its
 * bytes are others, or it is gone. `wrong_answer`: not what the model said to that question. `no_answer`: completed, and
 * the answer is missing somewhere. `disagree`: HTTP, database and files say different things. `not_final`: an end that did
 * not stay. `not_ended`: still under way at rest. `two_leaders`: two runs of one digest led, or one that failed leads.
 * `unaccounted`: asked more often than attempts say. `attempts`: rows with gaps, or without an end. `corrupt`: the
 * database is damaged. `left`: work or files that nobody will finish. `strange_end`: a process ended by itself.
 */
export const VIOLATIONS = [
  'lost',
  'unexpected',
  'double',
  'changed',
  'wrong_answer',
  'no_answer',
  'disagree',
  'not_final',
  'not_ended',
  'two_leaders',
  'unaccounted',
  'attempts',
  'corrupt',
  'left',
  'strange_end',
] as const;

export type ViolationKind = (typeof VIOLATIONS)[number];

export interface Violation {
  readonly kind: ViolationKind;
  readonly what: string;
}

/** Told of each violation as it is found. */
export type Accuse = (kind: ViolationKind, what: string) => void;

/** Everything that does not hold; empty where all of it does. */
export function check(history: readonly Op[], evidence: Evidence): readonly Violation[] {
  const violations: Violation[] = [];
  const accuse: Accuse = (kind, what) => violations.push({ kind, what });
  checkRuns(history, evidence, accuse);
  checkAnswers(history, evidence, accuse);
  checkSpend(history, evidence, accuse);
  checkTime(history, evidence, accuse);
  for (const end of evidence.strange_ends) accuse('strange_end', end);
  return violations;
}
