/**
 * A workspace with programs of every kind that each start a child of their own and then wait until the test opens the gate:
 * for tests that kill somebody while programs of users run. They are found by a name in their environment.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from '../../src/client/client.ts';
import type { JobIn } from '../../src/client/job-in.ts';
import { hasEnded } from '../../src/core/states.ts';
import { CHILD_MARK } from '../../src/platform/marked-processes.ts';
import { livingOf, MARK, type LivingProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { setup, type Machine, type MachineOptions } from './machine.ts';

/** Handed on to programs by `instance.pass_env`: processes of one machine have one value. */
const MINE = 'HELD_PROGRAMS_OF';

/** Says that it runs, has a child that holds its pipes, and goes on when the gate is open. Scripts do not heed SIGTERM, either. */
const HOLD = `
import json, os, subprocess, sys, time
def hold(gate, name):
    subprocess.Popen(["sleep", "1000"])
    open(os.path.join(gate, "runs-%s.%d" % (name, os.getpid())), "w").close()
    while not os.path.exists(os.path.join(gate, "open")):
        time.sleep(0.02)
`;
const SCRIPT = `#!/usr/bin/env python3${HOLD}
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
job = json.load(sys.stdin)
hold(job["args"], job["name"])
`;
const PACKAGE_PY = `import threading${HOLD}
state, answers = {}, {}
def get_job_status(instance):
    return state.get(instance, 0)
def submit_job(job, instance):
    state[instance] = -1
    def work():
        hold(job.metadata["gate"], job.name)
        answers[instance] = "answer to " + job.name
        state[instance] = 1
    threading.Thread(target=work, daemon=True).start()
    return 0
def retrieve_job(instance):
    state[instance] = 0
    return answers.pop(instance)
`;
const PACKAGE_TS = `import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
let state = 0, answer = '';
export const get_job_status = () => state;
export const submit_job = (job: { name: string; metadata: { gate: string } }) => {
  state = -1;
  spawn('sleep', ['1000'], { stdio: 'inherit' });
  writeFileSync(job.metadata.gate + '/runs-' + job.name + '.' + process.pid, '');
  const timer = setInterval(() => {
    if (!existsSync(job.metadata.gate + '/open')) return;
    clearInterval(timer);
    answer = 'answer to ' + job.name;
    state = 1;
  }, 20);
  return 0;
};
export const retrieve_job = () => { state = 0; return answer; };
`;

const FILES: Readonly<Record<string, string>> = {
  'prompts/hold.py': `${SCRIPT}print("question of", job["name"])\n`,
  'commands/call.py': `${SCRIPT}body = {"model": "test-model", "messages": job["messages"]}
print(json.dumps({"http": {"path": "/chat/completions", "body": body, "result": "/choices/0/message/content"}}))\n`,
  'commands/exec.py': `#!/usr/bin/env python3
import json, sys
job = json.load(sys.stdin)
print(json.dumps({"exec": {"argv": ["commands/work.py", job["args"], job["name"]]}}))\n`,
  'commands/work.py': `#!/usr/bin/env python3${HOLD}
hold(sys.argv[1], sys.argv[2])
print("answer to", sys.argv[2])\n`,
  'packages/held.py': PACKAGE_PY,
  'packages/held.ts': PACKAGE_TS,
};

/** One job for each way in which a program of the user has a part in an attempt. */
export const KINDS = ['prompt', 'call', 'exec', 'type', 'desk', 'easel'] as const;
export type Kind = (typeof KINDS)[number];

export function jobOf(kind: Kind, gate: string): JobIn {
  const link = (script: string): { script: string; args: string } => ({ script, args: gate });
  const jobs: Readonly<Record<Kind, Omit<JobIn, 'name'>>> = {
    prompt: { prompt: link('prompts/hold.py'), configuration: { LLM_name: 'openai:test-model' } },
    call: {
      prompt: 'What of call?',
      configuration: { LLM_name: 'openai:test-model', command: link('commands/call.py') },
    },
    exec: {
      prompt: 'What of exec?',
      configuration: { LLM_name: 'openai:test-model', command: link('commands/exec.py') },
    },
    type: {
      type: 'command',
      prompt: 'What of type?',
      configuration: { argv: ['commands/work.py', gate, 'type'] },
    },
    desk: { prompt: 'What of desk?', configuration: { LLM_name: 'desk:any' }, metadata: { gate } },
    easel: { prompt: 'What of easel?', configuration: { LLM_name: 'easel:any' }, metadata: { gate } },
  };
  return { name: kind, ...jobs[kind] };
}

type OnFinished = NonNullable<MachineOptions['onFinished']>;

export interface HeldPrograms {
  readonly machine: Machine;
  /** The folder of the gate. */
  readonly gate: string;
  submit(client: Client, kinds?: readonly Kind[]): Promise<void>;
  /** Resolves when a program of each runs, `times` of them since the beginning. */
  running(times: number, kinds?: readonly Kind[]): Promise<void>;
  /** Pids of the programs that said that they run, since the beginning. */
  said(): Promise<number[]>;
  open(): Promise<void>;
  ended(client: Client, kinds?: readonly Kind[]): Promise<void>;
  /** Processes of programs that live, with what they have started; bridges of packages are among them. */
  programs(): LivingProcess[];
  guards(): LivingProcess[];
  /** What programs and guards have left in the folder for temporary files. */
  temporaryFiles(): Promise<string[]>;
}

export async function holdPrograms(onFinished: OnFinished): Promise<HeldPrograms> {
  const temporary = await mkdtemp(path.join(tmpdir(), 'promptd-held-'));
  onFinished(async () => rm(temporary, { recursive: true, force: true }));
  const machine = await setup({ env: { TMPDIR: temporary, [MINE]: temporary }, onFinished });
  await addPrograms(machine);
  const gate = machine.path('gate');
  await mkdir(gate);
  const runs = async (kind: Kind): Promise<number> =>
    (await readdir(gate)).filter((file) => file.startsWith(`runs-${kind}.`)).length;
  return {
    machine,
    gate,
    submit: async (client, kinds = KINDS) => {
      await client.submitMany(kinds.map((kind) => jobOf(kind, gate)));
    },
    running: async (times, kinds = KINDS) => {
      for (const kind of kinds) await until(`${kind} to run`, async () => (await runs(kind)) >= times);
    },
    said: async () =>
      (await readdir(gate))
        .filter((file) => file.startsWith('runs-'))
        .map((file) => Number(file.split('.').at(-1))),
    open: () => writeFile(path.join(gate, 'open'), ''),
    ended: async (client, kinds = KINDS) => {
      for (const kind of kinds)
        await until(`${kind} to end`, async () => hasEnded((await client.job(kind, { wait: 5 })).state));
    },
    programs: () =>
      living((pid) => {
        const environment = read(pid, 'environ');
        return environment.includes(`${MINE}=${temporary}\0`) && environment.includes(`${CHILD_MARK}=`);
      }),
    temporaryFiles: async () => readdir(temporary),
    guards: () =>
      living(
        (pid) =>
          /child-guard.*promptd-held-/s.test(read(pid, 'cmdline')) &&
          read(pid, 'cmdline').includes(temporary),
      ),
  };
}

async function addPrograms(machine: Machine): Promise<void> {
  const file = machine.path('promptd.config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as { readonly endpoints: object };
  const endpoints = {
    ...config.endpoints,
    shell: { kind: 'command' },
    desk: { kind: 'ai-package', module: 'packages/held.py', instances: 2, poll: '50ms' },
    easel: { kind: 'ai-package', module: 'packages/held.ts', poll: '50ms' },
  };
  const instance = { allow_exec: true, pass_env: [MINE, MARK] };
  await writeFile(file, JSON.stringify({ ...config, endpoints, instance }));
  for (const [name, text] of Object.entries(FILES)) {
    await mkdir(path.dirname(machine.path(name)), { recursive: true });
    await writeFile(machine.path(name), text, { mode: 0o755 });
  }
}

function living(isWanted: (pid: string) => boolean): LivingProcess[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return livingOf(pids.filter(isWanted).map(Number));
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    // It has ended since, or is another user's.
    return '';
  }
}
