/** How a command is described: enough for its help, the documentation and the parser, without loading its code. */
import type { Command } from './context.ts';

export interface OptionSpec {
  /** As commander reads them: `-p, --prompt <text>`. */
  readonly flags: string;
  readonly about: string;
  /** It may be given more than once. */
  readonly isList?: boolean;
}

export interface CommandSpec {
  readonly name: string;
  /** As commander reads them: `[files...]`, `<name>`. */
  readonly args: string;
  readonly group: CommandGroup;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Further lines of its own help. */
  readonly about: string;
  readonly options: readonly OptionSpec[];
  /** Command lines that work, each with what it does. */
  readonly examples: readonly (readonly [command: string, does: string])[];
  load(): Promise<Command>;
}

export type CommandGroup = 'Asking:' | 'Looking:' | 'Changing:' | 'Keeping:' | 'Processes and set-up:';

/** The selection that every verb takes beside names. */
export const SELECTION: readonly OptionSpec[] = selection(
  'that wait or have ended for this reason, as ls shows it: EndpointThrottled, ContextTooLong, …',
);

/** For verbs that change what is selected: what holds an endpoint may be over by then. */
export const SELECTION_TO_CHANGE: readonly OptionSpec[] = selection(
  'with this reason of their own: ContextTooLong, Backoff, …; none that holds an endpoint at the moment',
);

function selection(reason: string): readonly OptionSpec[] {
  return [
    { flags: '--batch <name>', about: 'jobs of this batch' },
    { flags: '--state <states>', about: 'in these states: queued,running,failed,…' },
    { flags: '--reason <code>', about: reason },
    { flags: '--endpoint <name>', about: 'asked at this endpoint' },
    { flags: '--model <name>', about: 'asked of this model' },
    { flags: '--tag <tag>', about: 'with this tag' },
    { flags: '--key <key>', about: "with this key of the caller's own" },
    { flags: '--since <when>', about: 'submitted since then: 2h, 2026-12-01, or a time in RFC 3339' },
    { flags: '--all', about: 'every job' },
  ];
}

export const YES: OptionSpec = { flags: '-y, --yes', about: 'do not ask before changing many' };

/** Options of every command. */
export const GLOBAL: readonly OptionSpec[] = [
  { flags: '-C, --workspace <dir>', about: 'the workspace; without it, found upward from this folder' },
  { flags: '--json', about: 'data as JSON: one object, or one a line where there may be many' },
  { flags: '-q, --quiet', about: 'no notices and no progress on stderr' },
  { flags: '--no-color', about: 'no colours (as with NO_COLOR=1)' },
];
