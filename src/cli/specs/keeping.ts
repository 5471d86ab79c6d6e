/** Commands that look after what is kept. */
import { type CommandSpec } from '../command-spec.ts';

const GROUP = 'Keeping:';

export const KEEPING: readonly CommandSpec[] = [
  {
    name: 'verify',
    args: '',
    group: GROUP,
    summary: 'hash every result once more',
    about: `Every text of the database against its SHA-256, every file in results/ and ended/ against its own hash and against the
database, files that should be there, and files of runs that nobody knows. What does not fit goes to stdout, one a line;
exit code 13 then. Changes nothing, and works beside a server. With --json the last line is the summary.`,
    options: [],
    examples: [
      ['promptd verify', 'everything'],
      ['promptd verify --json > misfits.ndjson', 'for programs'],
    ],
    load: async () => (await import('../commands/verify.ts')).verify,
  },
  {
    name: 'doctor',
    args: '',
    group: GROUP,
    summary: 'look whether this machine and this workspace are well',
    about: `Versions, hard links, disks, space, permissions, the clock, the socket, processes that were left over, and the endpoints as far
as that can be told without asking them. Each line ok, warning or wrong, with what to do; exit code 1 where something is wrong.`,
    options: [],
    examples: [['promptd doctor', 'before trusting a machine, or when something is odd']],
    load: async () => (await import('../commands/doctor.ts')).doctor,
  },
  {
    name: 'rebuild',
    args: '',
    group: GROUP,
    summary: 'make the database from the folders, where there is none',
    about: `Reads results/, ended/ and jobs/, checks every hash, and gives each job its runs, states and answers as before. Nothing is
executed and nobody is asked. What does not fit is left out and told, one a line on stdout; exit code 13 then. Attempts, logs
and keys are gone. Refused where there is a database, or a server runs.`,
    options: [],
    examples: [['promptd rebuild', 'after .promptd/ was lost']],
    load: async () => (await import('../commands/rebuild.ts')).rebuild,
  },
];
