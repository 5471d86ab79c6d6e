/** All of them: at least one for each rule that a promise of docs/guarantees.md stands on. */
import { ANSWER_MUTANTS } from './answer-mutants.ts';
import { CALL_MUTANTS } from './call-mutants.ts';
import { DISK_MUTANTS } from './disk-mutants.ts';
import { FOLDER_MUTANTS } from './folder-mutants.ts';
import { FOREIGN_MUTANTS } from './foreign-mutants.ts';
import { IDENTITY_MUTANTS } from './identity-mutants.ts';
import { ISOLATION_MUTANTS } from './isolation-mutants.ts';
import { LEASE_MUTANTS } from './lease-mutants.ts';
import type { Mutant } from './mutant.ts';
import { PACKAGE_MUTANTS } from './package-mutants.ts';
import { PROGRAM_MUTANTS } from './program-mutants.ts';
import { PROMPT_MUTANTS } from './prompt-mutants.ts';
import { REBUILD_MUTANTS } from './rebuild-mutants.ts';
import { RESULT_MUTANTS } from './result-mutants.ts';
import { TURN_MUTANTS } from './turn-mutants.ts';

export const MUTANTS: readonly Mutant[] = [
  ...TURN_MUTANTS,
  ...LEASE_MUTANTS,
  ...RESULT_MUTANTS,
  ...ANSWER_MUTANTS,
  ...DISK_MUTANTS,
  ...IDENTITY_MUTANTS,
  ...PROMPT_MUTANTS,
  ...PROGRAM_MUTANTS,
  ...ISOLATION_MUTANTS,
  ...CALL_MUTANTS,
  ...PACKAGE_MUTANTS,
  ...FOLDER_MUTANTS,
  ...FOREIGN_MUTANTS,
  ...REBUILD_MUTANTS,
];
