/** The command line as commander sees it: definitions only. The code of a command is loaded when it is run. */
import { Command as Definition } from 'commander';
import { COMMANDS } from './commands-list.ts';
import { type CommandSpec, GLOBAL } from './command-spec.ts';
import type { Sink } from './deps.ts';
import type { OptionValue } from './given.ts';

export interface Picked {
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  readonly values: Readonly<Record<string, OptionValue>>;
}

export interface ProgramOptions {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly version: string;
  /** Columns to which help is wrapped. */
  readonly width: number;
  readonly onPick: (picked: Picked) => void;
}

const ABOUT = `A durable job server for language-model work: ask once, get the answer once, keep it for ever.

run = submit, wait, summarise · submit = submit only. A bare promptd in a workspace is promptd status.`;

const EPILOGUE = `
Examples:
  promptd init questions && cd questions   make a workspace with an example job
  promptd run                              ask every job of jobs/; the answers are in results/
  promptd status                           where things stand
  promptd why                              what holds the jobs that wait, and what to do

Exit codes: 0 ok · 1 error · 2 usage · 3 not found · 4 not allowed · 5 server unreachable · 6 conflict or wrong state
7 overloaded · 9 stopped with work left · 10 a job failed · 11 cancelled · 12 invalid job · 13 integrity
124 wait timed out · 130 interrupted`;

/** Throws commander's errors instead of ending the process: the caller turns them into exit codes. */
export function buildProgram(options: ProgramOptions): Definition {
  const program = new Definition('promptd');
  program
    .description(ABOUT)
    .usage('<command> [options]')
    .version(options.version, '-V, --version', 'print the version')
    .exitOverride()
    .showHelpAfterError('(Help: promptd --help, promptd help COMMAND)')
    .configureOutput({
      writeOut: (text) => void options.stdout.write(text),
      writeErr: (text) => void options.stderr.write(text),
      getOutHelpWidth: () => options.width,
      getErrHelpWidth: () => options.width,
    })
    .configureHelp({ showGlobalOptions: true })
    .helpCommand('help [command]', 'show help of a command')
    .addHelpText('after', EPILOGUE);
  for (const option of GLOBAL) program.option(option.flags, option.about);
  for (const spec of COMMANDS) define(program, spec, options.onPick);
  return program;
}

function define(program: Definition, spec: CommandSpec, onPick: ProgramOptions['onPick']): void {
  const command = program.command(`${spec.name}${spec.args === '' ? '' : ` ${spec.args}`}`);
  command
    .helpGroup(spec.group)
    .summary(spec.summary)
    .description(`${sentence(spec.summary)}\n\n${paragraphs(spec.about)}`);
  for (const { flags, about, isList } of spec.options) {
    if (isList === true) command.option(flags, about, collect);
    else command.option(flags, about);
  }
  command.addHelpText('after', examplesText(spec));
  command.action(() => {
    onPick({ spec, args: command.args, values: command.optsWithGlobals() });
  });
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Lines are joined, so that help is wrapped to the terminal alone; an empty line stays one. */
function paragraphs(text: string): string {
  return text
    .split('\n\n')
    .map((paragraph) => paragraph.replaceAll('\n', ' '))
    .join('\n\n');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function examplesText(spec: CommandSpec): string {
  const lines = spec.examples.flatMap(([command, does]) => [`  # ${does}`, `  ${command}`]);
  return `\nExamples:\n${lines.join('\n')}`;
}
