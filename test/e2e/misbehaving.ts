/** Programs that misbehave, each in its own way, as scripts of a workspace; and what lives of them. */
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from '../../src/client/client.ts';
import type { Isolation } from '../../src/core/endpoints.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { JobView } from '../../src/core/views.ts';
import { hasEnded } from '../../src/core/states.ts';
import { CHILD_MARK, GUARD_MARK } from '../../src/platform/marked-processes.ts';
import { environmentOf } from '../executor/child-processes.ts';
import { livingOf, MARK, type LivingProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { setup, type Machine, type MachineOptions } from './machine.ts';

/** Each process of it that it knows of says so in the folder `gate`, and then the script that it has begun. */
const COMMON = `#!/usr/bin/env python3
import json, os, signal, subprocess, sys, time
job = json.load(sys.stdin)
gate, name = job["args"]["gate"], job["name"]
def note(pid):
    open(os.path.join(gate, "%s.%d" % (name, pid)), "w").close()
def begun(count):
    note(os.getpid())
    while sum(1 for file in os.listdir(gate) if file.startswith(name + ".")) < count:
        time.sleep(0.01)
    open(os.path.join(gate, "begun-" + name), "w").close()
def hold():
    while True:
        time.sleep(1000)
def child(prepare):
    pid = os.fork()
    if pid == 0:
        prepare()
        note(os.getpid())
        hold()
def daemon(prepare):
    pid = os.fork()
    if pid == 0:
        os.setsid()
        child(prepare)
        os._exit(0)
    os.waitpid(pid, 0)
def quietly():
    os.closerange(0, 3)
`;

export interface Misbehaviour {
  /** Also the name of its script. */
  readonly id: string;
  readonly what: string;
  readonly script: string;
  /** How its job ends without anybody's doing. */
  readonly by_itself?: string;
}

export const MISBEHAVIOURS: readonly Misbehaviour[] = [
  {
    id: 'deaf',
    what: 'F28: ignores SIGTERM',
    script: `
signal.signal(signal.SIGTERM, signal.SIG_IGN)
begun(1)
hold()`,
  },
  {
    id: 'holds',
    what: 'F29: has a grandchild that holds its pipes',
    script: `
child(lambda: None)
begun(2)
hold()`,
  },
  {
    id: 'group',
    what: 'F30: has a grandchild in a group of its own (setpgid)',
    script: `
child(lambda: os.setpgid(0, 0))
begun(2)
hold()`,
  },
  {
    id: 'daemon',
    what: 'F30: has a daemon (setsid) that holds its pipes',
    script: `
daemon(lambda: None)
begun(2)
hold()`,
  },
  {
    id: 'quiet-daemon',
    what: 'F30: has a daemon (setsid) that has closed them',
    script: `
daemon(quietly)
begun(2)
hold()`,
  },
  {
    id: 'leaves',
    what: 'F30: ends well, and leaves daemons, with its pipes and without',
    script: `
daemon(lambda: None)
daemon(quietly)
begun(3)
print("a question")`,
    by_itself: 'completed',
  },
  {
    id: 'half',
    what: 'F27: exits with 0 and half an answer, and leaves a daemon',
    script: `
daemon(quietly)
begun(2)
os.write(1, b'{"messages": [{"role": "user", "content": "\\xc3')`,
    by_itself: 'ScriptOutputInvalid',
  },
  {
    id: 'floods',
    what: 'F31: floods stdout',
    script: `
begun(1)
while True:
    os.write(1, b"x" * 65536)`,
    by_itself: 'ScriptOutputTooLarge',
  },
  {
    id: 'shouts',
    what: 'F31: floods stderr',
    script: `
begun(1)
while True:
    os.write(2, b"this is too much\\n" * 4000)
    time.sleep(0.02)`,
  },
  {
    id: 'forks',
    what: 'F32: forks and forks, every other one into a session of its own',
    script: `
for number in range(40):
    child(os.setsid if number % 2 else lambda: None)
    time.sleep(0.005)
begun(41)
hold()`,
  },
  {
    id: 'stops',
    what: 'F28: stops itself (SIGSTOP)',
    script: `
begun(1)
os.kill(os.getpid(), signal.SIGSTOP)
hold()`,
  },
  {
    id: 'shut',
    what: 'F28: ignores every signal and closes all that it has open',
    script: `
begun(1)
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
os.closerange(0, 1000)
hold()`,
  },
];

export interface Crowd {
  readonly machine: Machine;
  /** One job for each misbehaviour, and for each a name. */
  submit(client: Client, end: string, optionsOf?: (one: Misbehaviour) => JsonObject): Promise<void>;
  /** Resolves when each of these does what it does. */
  begun(end: string): Promise<void>;
  ended(client: Client, end: string): Promise<ReadonlyMap<string, JobView>>;
  /** What lives of one of them. */
  processesOf(id: string, end: string): LivingProcess[];
  /** What lives of all. */
  processes(): LivingProcess[];
  guards(): LivingProcess[];
}

export async function crowd(
  onFinished: NonNullable<MachineOptions['onFinished']>,
  isolation: Isolation,
  env: Readonly<Record<string, string>> = {},
): Promise<Crowd> {
  // Every program is handed this, which nobody else on the machine has.
  const TMPDIR = await mkdtemp(path.join(tmpdir(), 'promptd-crowd-'));
  onFinished(async () => rm(TMPDIR, { recursive: true, force: true }));
  const machine = await setup({ env: { ...env, TMPDIR }, onFinished });
  await addScripts(machine, isolation);
  const gate = machine.path('gate');
  await mkdir(gate);
  const nameOf = (id: string, end: string): string => `${id}-${end}`;
  const bearing = (mark: string): LivingProcess[] =>
    livingOf(
      pids('/proc').filter((pid) => {
        const environment = environmentOf(pid);
        return environment.includes(`\0${mark}=`) && environment.includes(`\0TMPDIR=${TMPDIR}\0`);
      }),
    );
  return {
    machine,
    submit: async (client, end, optionsOf = () => ({})) => {
      const jobs = MISBEHAVIOURS.map((one) => ({
        name: nameOf(one.id, end),
        prompt: { script: `prompts/${one.id}.py`, args: { gate, end } },
        configuration: { LLM_name: 'openai:test-model' },
        options: optionsOf(one),
      }));
      await client.submitMany(jobs);
    },
    begun: async (end) => {
      const wanted = MISBEHAVIOURS.map(({ id }) => `begun-${nameOf(id, end)}`);
      const haveBegun = (): boolean => {
        const said = new Set(readdirSync(gate));
        return wanted.every((file) => said.has(file));
      };
      await until('all to have begun', haveBegun, 100_000);
    },
    ended: async (client, end) => {
      const jobs = new Map<string, JobView>();
      for (const { id } of MISBEHAVIOURS) {
        const name = nameOf(id, end);
        await until(`${name} to end`, async () => {
          const job = await client.job(name, { wait: 5 });
          jobs.set(id, job);
          return hasEnded(job.state);
        });
      }
      return jobs;
    },
    processesOf: (id, end) => {
      const said = readdirSync(gate).filter((file) => file.startsWith(`${nameOf(id, end)}.`));
      const own = new Set(said.map((file) => Number(file.split('.').at(-1))));
      return bearing(CHILD_MARK).filter(({ pid }) => own.has(pid));
    },
    processes: () => bearing(CHILD_MARK),
    guards: () => bearing(GUARD_MARK),
  };
}

async function addScripts(machine: Machine, isolation: Isolation): Promise<void> {
  const file = machine.path('promptd.config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...config, instance: { pass_env: [MARK], isolation } }));
  await mkdir(machine.path('prompts'));
  for (const { id, script } of MISBEHAVIOURS)
    await writeFile(machine.path('prompts', `${id}.py`), `${COMMON}${script}\n`, { mode: 0o755 });
}

function pids(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}
