/** Every command, in the order in which help shows them. */
import type { CommandSpec } from './command-spec.ts';
import { ASKING } from './specs/asking.ts';
import { CHANGING } from './specs/changing.ts';
import { KEEPING } from './specs/keeping.ts';
import { LOOKING } from './specs/looking.ts';
import { PROCESSES } from './specs/processes.ts';

export const COMMANDS: readonly CommandSpec[] = [
  ...ASKING,
  ...LOOKING,
  ...CHANGING,
  ...KEEPING,
  ...PROCESSES,
];
