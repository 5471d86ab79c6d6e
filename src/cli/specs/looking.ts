/** Commands that look and change nothing. */
import { type CommandSpec, type OptionSpec, SELECTION } from '../command-spec.ts';

const WATCH: OptionSpec = { flags: '--watch', about: 'show it again every 2 s until Ctrl-C' };

export const LOOKING: readonly CommandSpec[] = [
  {
    name: 'status',
    args: '',
    group: 'Looking:',
    summary: 'server, batches under way, endpoints with what holds them',
    about: `How many jobs are in which state, files of jobs/ that are wrong or were changed, what holds endpoints, and what the
folders take of the disk. A bare promptd in a workspace does the same. Exit code 5 where no server runs.`,
    options: [WATCH],
    examples: [
      ['promptd status', 'where things stand'],
      ['promptd status --json', 'the same for programs'],
    ],
    load: async () => (await import('../commands/status.ts')).status,
  },
  {
    name: 'ls',
    args: '[names...]',
    group: 'Looking:',
    summary: 'jobs, newest first',
    about: `NAME STATE REASON LANE ATTEMPTS AGE TIME INSTANCE: the newest 50 and how many more. With --json all of them, one a line.
With --rejected or --changed instead the files of jobs/ that serve could not take: those that are wrong, with where and why,
until they are mended; and those whose content is not what was accepted under their name, which promptd run asks as the next run.`,
    options: [
      ...SELECTION,
      { flags: '-n, --limit <n>', about: 'how many to show' },
      { flags: '--rejected', about: 'files of jobs/ that are wrong' },
      { flags: '--changed', about: 'files of jobs/ that differ from what was accepted' },
      WATCH,
    ],
    examples: [
      ['promptd ls', 'the newest 50'],
      ['promptd ls --state failed --since 1d', 'what failed since yesterday'],
      ['promptd ls --rejected', 'which files of jobs/ are to be mended'],
      ['promptd ls --batch trial --json', 'a whole batch, one JSON object a line'],
    ],
    load: async () => (await import('../commands/ls.ts')).ls,
  },
  {
    name: 'batches',
    args: '',
    group: 'Looking:',
    summary: 'batches with their counts',
    about: 'BATCH DONE RUNNING WAITING FAILED TOTAL ETA TOKENS COST, newest first.',
    options: [],
    examples: [['promptd batches', 'how far each batch is']],
    load: async () => (await import('../commands/batches.ts')).batches,
  },
  {
    name: 'show',
    args: '<name>',
    group: 'Looking:',
    summary: 'all about one job: runs, attempts, live state',
    about: `With --prompt also the prompt as it is sent; with --spec the job as it was given. Where scripts make the prompt, they make
it at each attempt: shown is that of the answer, or of the latest attempt.`,
    options: [
      { flags: '--prompt', about: 'the prompt as it is sent to the model' },
      { flags: '--attempt <n>', about: 'the prompt of this attempt, where scripts make it' },
      { flags: '--spec', about: 'the job as it was given' },
    ],
    examples: [
      ['promptd show faq-17', 'its latest run'],
      ['promptd show faq-17@2 --prompt', 'its second run, and what was asked'],
    ],
    load: async () => (await import('../commands/show.ts')).show,
  },
  {
    name: 'explain',
    args: '<a> <b>',
    group: 'Looking:',
    summary: 'what makes two jobs different work, or that they are the same',
    about: `Names of jobs (NAME, NAME@RUN), or files: a job file, or a line of a batch file by its key (FILE#KEY). Of two files no
server is needed. Only what is sent counts: not names, files, labels or options.`,
    options: [],
    examples: [
      ['promptd explain faq-17@1 faq-17@2', 'two runs of a job'],
      ['promptd explain faq-17 jobs/faq-17.json', 'what has changed in a file since it was asked'],
    ],
    load: async () => (await import('../commands/explain.ts')).explain,
  },
  {
    name: 'why',
    args: '[names...]',
    group: 'Looking:',
    summary: 'why it is not running, or why it failed, and what to do',
    about: 'For one job in a sentence; for many grouped by reason, with counts and one example each.',
    options: [...SELECTION],
    examples: [
      ['promptd why faq-17', 'one job'],
      ['promptd why --batch trial', 'what holds a batch, by reason'],
    ],
    load: async () => (await import('../commands/why.ts')).why,
  },
  {
    name: 'logs',
    args: '<name>',
    group: 'Looking:',
    summary: 'the log of the current or last attempt',
    about: `With -f it waits for a job that has not started, follows it to the end across restarts of the server, and exits
with the code of its end (0 completed, 10 failed, 11 cancelled).`,
    options: [
      { flags: '-f, --follow', about: 'follow to the end' },
      { flags: '--attempt <n>', about: 'of this attempt' },
    ],
    examples: [
      ['promptd logs faq-17', 'what was logged so far'],
      ['promptd logs -f faq-17', 'follow it to its end'],
    ],
    load: async () => (await import('../commands/logs.ts')).logs,
  },
  {
    name: 'result',
    args: '<name>',
    group: 'Looking:',
    summary: 'the answer',
    about:
      'Text on stdout as the model gave it; on stderr the paths of files that came with it. Where there is none yet, nothing is printed and the exit code tells why.',
    options: [
      { flags: '--render', about: 'render its Markdown for the terminal' },
      { flags: '--analyse', about: 'print as JSON what its Markdown is made of' },
      { flags: '--path', about: 'print the path of its result file' },
      { flags: '--all', about: 'of every run of the name' },
      { flags: '--verify', about: 'print nothing, and hash it and its file once more' },
    ],
    examples: [
      ['promptd result faq-17 > answer.md', 'the text into a file'],
      ['promptd result faq-17 --render', 'for reading'],
      ['promptd result faq-17 --analyse', 'its headings, code, tables, lists and links as data'],
      ['promptd result faq-17 --verify', 'whether it is still what was accepted'],
      ['promptd result faq-17@1 --json', 'the first answer with everything about it'],
    ],
    load: async () => (await import('../commands/result.ts')).result,
  },
  {
    name: 'results',
    args: '<name>',
    group: 'Looking:',
    summary: 'the result files of a job, by name',
    about: `FILE RUN PUBLISHED, the oldest first, read off the names in results/: no file is opened, and no server is needed (one that
runs says which run each file is of). With --json, one a line; where there is none, the null result.`,
    options: [],
    examples: [
      ['promptd results faq-17', 'every answer that it ever had'],
      ['promptd results faq-17 --json', 'the same for programs'],
    ],
    load: async () => (await import('../commands/results.ts')).results,
  },
  {
    name: 'job-of',
    args: '<files...>',
    group: 'Looking:',
    summary: 'the job of a result file, by its name',
    about:
      'Prints the job file of each, by splitting its name at the first underscore; the files need not be there. Exit code 3 where one is not named as a result is.',
    options: [],
    examples: [['promptd job-of 1764000000000_faq-17.json', 'prints faq-17.json']],
    load: async () => (await import('../commands/job-of.ts')).jobOf,
  },
  {
    name: 'ps',
    args: '',
    group: 'Looking:',
    summary: 'attempts that run now',
    about: 'NAME ATTEMPT INSTANCE LANE PID ELAPSED TIMEOUT.',
    options: [],
    examples: [['promptd ps', 'what is being asked at this moment']],
    load: async () => (await import('../commands/ps.ts')).ps,
  },
  {
    name: 'instances',
    args: '',
    group: 'Looking:',
    summary: 'processes that run attempts',
    about: 'ID NAME STATE SLOTS ENDPOINTS HEARTBEAT ADDRESS.',
    options: [],
    examples: [['promptd instances', 'who is connected']],
    load: async () => (await import('../commands/instances.ts')).instances,
  },
  {
    name: 'endpoints',
    args: '[action] [name]',
    group: 'Looking:',
    summary: 'places that serve models, with gate and reason; endpoints test NAME asks one',
    about: `ENDPOINT KIND RUNNING GATE REASON.

endpoints test NAME makes one tiny call from this machine, with the configuration and the keys of this workspace, and needs no
server: it prints the answer and how long it took, or what is wrong (exit code 5 unreachable, 4 the key, 10 else).`,
    options: [
      { flags: '-m, --model <model>', about: 'with test: this model; else the first that is listed' },
    ],
    examples: [
      ['promptd endpoints', 'which endpoint holds its jobs, and why'],
      ['promptd endpoints test ollama', 'whether Ollama answers, with a model that it has'],
    ],
    load: async () => (await import('../commands/endpoints.ts')).endpoints,
  },
];
