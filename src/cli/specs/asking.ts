/** Commands that ask models: from a folder of prompts to a folder of answers. */
import { type CommandSpec, type OptionSpec } from '../command-spec.ts';

const AD_HOC: readonly OptionSpec[] = [
  {
    flags: '-m, --model <model>',
    about: 'the model of a job given here: endpoint:model, or a model of the default endpoint',
  },
  { flags: '-p, --prompt <text>', about: 'the prompt of a job given here; - reads it from stdin' },
];

const JOB_OPTIONS: readonly OptionSpec[] = [
  { flags: '--priority <n>', about: 'a higher number goes first (0 where nothing is said)' },
  { flags: '--timeout <duration>', about: 'time limit of one attempt: 90s, 10m' },
  { flags: '--max-attempts <n>', about: 'attempts before a job fails' },
  { flags: '--run-at <when>', about: 'not before this time (RFC 3339), or this long from now: 2h' },
  { flags: '--tag <tag>', about: 'a tag for every job of this submission; may be given again', isList: true },
  { flags: '--batch <name>', about: 'put all jobs of this submission in a batch' },
];

const IF_EXISTS: OptionSpec = {
  flags: '--if-exists <what>',
  about: 'where a name stands for other work: same (refuse) or new_run (ask it as the next run)',
};

const FRESH: OptionSpec = {
  flags: '--fresh',
  about: 'a fresh draw: ask again what is answered, once for the name of --batch',
};

const ON_INVALID: OptionSpec = {
  flags: '--on-invalid <what>',
  about:
    'where a file is wrong: refuse (submit nothing; this is what happens by itself) or skip (leave it out)',
};

export const ASKING: readonly CommandSpec[] = [
  {
    name: 'run',
    args: '[files...]',
    group: 'Asking:',
    summary: 'submit, wait, summarise: the main job',
    about: `run = submit, wait, summarise · submit = submit only.

Takes job files, folders of job files (jobs/ where nothing is named) and *.jsonl batches: promptd jobs one a line, or lines
of the OpenAI batch format. Starts a server where none runs; it ends by itself when idle. Run again, it asks only what is
missing or has changed. Ctrl-C stops the waiting, not the work: nothing is lost.`,
    options: [
      ...AD_HOC,
      ...JOB_OPTIONS,
      IF_EXISTS,
      ON_INVALID,
      { flags: '--limit <n>', about: 'take the first n jobs only' },
      FRESH,
    ],
    examples: [
      ['promptd run', 'every job of jobs/; the answers are in results/'],
      ['promptd run jobs/faq-17.json more/', 'one file and one folder'],
      ['promptd run questions.jsonl --batch trial --limit 20', 'the first 20 lines of a batch file'],
      ['promptd run -m ollama:llama3.2:3b -p "Say hello"', 'one prompt, no file and no workspace needed'],
      ['promptd run --fresh --batch second-draw', 'ask everything once more'],
    ],
    load: async () => (await import('../commands/run.ts')).run,
  },
  {
    name: 'submit',
    args: '[files...]',
    group: 'Asking:',
    summary: 'submit only; prints a name a line',
    about: `submit = submit only · run = submit, wait, summarise.

Names go to stdout; how many were created, answered before and shared goes to stderr. - reads jobs from stdin: one JSON
object, an array, or one a line. A name that stands for other work is refused (see --if-exists).`,
    options: [
      ...AD_HOC,
      ...JOB_OPTIONS,
      { flags: '--key <key>', about: 'a key of your own for a single job, echoed everywhere' },
      { flags: '--name <name>', about: 'the name of a single job' },
      IF_EXISTS,
      ON_INVALID,
      FRESH,
      { flags: '--follow', about: 'follow the log of a single job to its end' },
      { flags: '--wait', about: 'wait until all have ended; the exit code tells how' },
    ],
    examples: [
      ['promptd submit jobs/faq-17.json', 'one job; prints faq-17'],
      [
        'promptd submit -m ollama:llama3.2:3b -p "Say hello" --priority 5 --timeout 2m',
        'one job without a file',
      ],
      ['make-jobs | promptd submit - --batch nightly --wait', 'jobs of a program, one a line'],
      ['promptd submit jobs/faq-17.json --follow', 'and follow its log'],
    ],
    load: async () => (await import('../commands/submit.ts')).submit,
  },
  {
    name: 'execute',
    args: '<file>',
    group: 'Asking:',
    summary: 'one attempt of one job, here and without a server',
    about: `Checks the job as the server would, makes one attempt of it in this process, prints the answer, and keeps it in results/.
It always asks: executed twice, a job has two results. What failed is not tried again, and Ctrl-C ends the attempt.

Where this workspace's server has the same work to do, it is left to it (exit code 6). Without a workspace, links begin at the
folder of the file, and the result goes to results/ beside it. FILE#KEY is one line of a batch file.`,
    options: [
      {
        flags: '--dry-run',
        about: 'print the prompt and the call as they would be, secrets masked; ask nobody',
      },
      { flags: '--allow-exec', about: 'let commands of the job run, whatever instance.allow_exec says' },
      { flags: '-v, --verbose', about: 'show the log of the attempt' },
    ],
    examples: [
      ['promptd execute jobs/faq-17.json', 'one answer, and one more result file'],
      ['promptd execute jobs/faq-17.json --dry-run', 'what would be asked of whom'],
      ['promptd execute questions.jsonl#b', 'one line of a batch file, by its key'],
    ],
    load: async () => (await import('../commands/execute.ts')).execute,
  },
  {
    name: 'validate',
    args: '[files...]',
    group: 'Asking:',
    summary: 'check job files, submit nothing',
    about: `Shows every fault as file:line:column: what was expected, what was got, what to do. Needs no server.
Files, folders and *.jsonl as run takes them; jobs/ where nothing is named.`,
    options: [],
    examples: [
      ['promptd validate', 'every file of jobs/'],
      ['promptd validate questions.jsonl', 'every line of a batch'],
    ],
    load: async () => (await import('../commands/validate.ts')).validate,
  },
  {
    name: 'schema',
    args: '',
    group: 'Asking:',
    summary: 'the JSON Schema of a job file',
    about: 'For editors and generators. Needs no server.',
    options: [],
    examples: [['promptd schema > job.schema.json', 'then name it in "$schema" of a job file']],
    load: async () => (await import('../commands/schema.ts')).schema,
  },
];
