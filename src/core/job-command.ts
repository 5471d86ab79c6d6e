/** What jobs of type `command` run. */
import { describe } from './describe.ts';
import type { JobFaults } from './job-faults.ts';
import { argvSchema } from './job-schema.ts';
import { refuseLink } from './job-script.ts';
import type { Json, JsonObject } from './json.ts';
import { linkObjection } from './link-path.ts';
import type { JobType } from './rows.ts';

const PROGRAM_EXPECTED = 'the name of a program, or a path such as "commands/run.py", inside commands/';

/** The command of a job of type `command`; null after adding what is wrong. */
export function checkArgv(value: Json | undefined, faults: JobFaults): readonly string[] | null {
  const argv = faults.check(argvSchema, value ?? undefined, 'configuration.argv');
  const program = argv?.[0];
  if (argv === undefined || program === undefined) return null;
  const path = 'configuration.argv[0]';
  if (program.trim() === '') {
    faults.add('InvalidJob', path, PROGRAM_EXPECTED, describe(program));
    return null;
  }
  if (!linksToProgram(program)) return argv;
  const objection =
    linkObjection(program) ?? (program.startsWith('commands/') ? null : 'programs stand in commands/');
  if (objection === null) return argv;
  refuseLink(path, PROGRAM_EXPECTED, program, objection, faults);
  return null;
}

/** Whether the first word of a command is a path into the workspace, and not a name to be found on the PATH. */
export function linksToProgram(program: string): boolean {
  return /[/\\]/.test(program) || program.startsWith('.');
}

/** Refuses the word that only the other type of job has. */
export function refuseWord(type: JobType, configuration: JsonObject, faults: JobFaults): void {
  const word = type === 'command' ? 'command' : 'argv';
  if (configuration[word] === undefined || configuration[word] === null) return;
  const hint =
    type === 'command'
      ? 'Put the program and its arguments into "argv".'
      : 'To run a program in place of a model, say "type": "command".';
  faults.add('InvalidJob', `configuration.${word}`, `no "${word}" in a job of type "${type}"`, 'one', hint);
}
