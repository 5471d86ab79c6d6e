/** Commands that start something that stays, and those that set things up. */
import { type CommandSpec } from '../command-spec.ts';

const GROUP = 'Processes and set-up:';

export const PROCESSES: readonly CommandSpec[] = [
  {
    name: 'init',
    args: '[dir]',
    group: GROUP,
    summary: 'make a workspace',
    about: `Writes a commented configuration, an example job, .gitignore and the JSON Schema of job files. Looks whether Ollama answers
and takes one of its models for the example. Never overwrites.`,
    options: [{ flags: '-m, --model <model>', about: 'the model of the example job' }],
    examples: [
      ['promptd init', 'in this folder'],
      ['promptd init questions && cd questions && promptd run', 'a new one, and its first answer'],
    ],
    load: async () => (await import('../commands/init.ts')).init,
  },
  {
    name: 'serve',
    args: '',
    group: GROUP,
    summary: 'the server: HTTP, scheduler, publisher, one local instance',
    about: 'Prints where it listens. Stops gracefully on SIGTERM or Ctrl-C, at once on a second.',
    options: [
      { flags: '--host <host>', about: 'the address on which HTTP listens' },
      { flags: '--port <n>', about: 'the port of HTTP (7433)' },
      { flags: '--instances-port <n>', about: 'the port for instances (7434)' },
      { flags: '--slots <n>', about: 'attempts at a time on the local instance; 0: no local instance' },
      { flags: '--detached', about: 'end when there was nothing to do for a while (run starts it so)' },
    ],
    examples: [
      ['promptd serve', 'in a workspace, until Ctrl-C'],
      ['promptd serve --port 7500 --slots 8', 'elsewhere, and with less at a time'],
    ],
    load: async () => (await import('../commands/serve.ts')).serve,
  },
  {
    name: 'instance',
    args: '',
    group: GROUP,
    summary: 'a process that runs attempts for a server elsewhere',
    about: 'Its token comes from PROMPTD_INSTANCE_TOKEN or from .promptd/instance.token of the workspace.',
    options: [
      { flags: '--connect <host:port>', about: 'the port for instances of the server (needed)' },
      { flags: '--name <name>', about: 'its name; the same name after a restart is the same instance' },
      { flags: '--slots <n>', about: 'attempts at a time' },
      { flags: '--endpoints <names>', about: 'serve only these endpoints: gpu,ollama' },
      { flags: '--isolation <how>', about: 'inline, or process: each attempt in a child process' },
    ],
    examples: [['promptd instance --connect gpu1:7434 --slots 2 --endpoints gpu', 'on another machine']],
    load: async () => (await import('../commands/instance.ts')).instance,
  },
  {
    name: 'env',
    args: '',
    group: GROUP,
    summary: 'URL and key of the server, for a shell or another program',
    about: 'Prints export PROMPTD_URL=… PROMPTD_KEY=… for eval.',
    options: [],
    examples: [
      ['eval "$(promptd env)"', 'for this shell'],
      ['promptd env --json', 'for programs'],
    ],
    load: async () => (await import('../commands/env.ts')).env,
  },
];
