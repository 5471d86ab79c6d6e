/**
 * F85, G21: programs of the user are given no secret, so none can come out of them. Scripts, commands and an AI package print
 * all that they were given (environment, arguments, stdin) into answers, errors and logs; what they call repeats
 * the key that the instance added. Then everything is searched, as in secrets.test.ts.
 */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { hasEnded } from '../../src/core/states.ts';
import type { JobIn } from '../../src/client/job-in.ts';
import { until } from '../support/until.ts';
import {
  BY_ENV,
  canariesIn,
  canaryEndpoints,
  everythingSaid,
  plantKeyFile,
  startParrot,
} from './canaries.ts';
import { type Machine, setup } from './machine.ts';

/** Says all that it knows, to stdout as `what` wants it, and to stderr. */
function teller(what: string): string {
  return `#!/usr/bin/env python3
import json, os, sys
given = sys.stdin.read()
known = "I KNOW " + json.dumps(dict(os.environ)) + " " + json.dumps(sys.argv) + " " + given
print(known, file=sys.stderr)
print(${what})
`;
}

const FILES: Readonly<Record<string, string>> = {
  'prompts/tell.py': teller('known'),
  'prompts/break.py': `${teller('known')}raise RuntimeError(known)\n`,
  'commands/call.py': teller(
    'json.dumps({"http": {"path": "/anything", "body": {"said": known, "status": "status 400"}, "result": "text"}})',
  ),
  'commands/answer.py': teller(
    'json.dumps({"http": {"path": "/anything", "body": {"said": known}, "result": "text"}})',
  ),
  'commands/shell.py': teller('json.dumps({"exec": {"argv": ["env"]}})'),
  'packages/teller.py': `import json, os
def get_job_status(instance):
    return 0
def submit_job(job, instance):
    print("I KNOW", json.dumps(dict(os.environ)), json.dumps(dict(job), default=str))
    raise RuntimeError("I KNOW " + json.dumps(dict(os.environ)))
def retrieve_job(instance):
    return None
`,
};

async function plantPrograms(machine: Machine): Promise<void> {
  for (const folder of ['prompts', 'commands', 'packages'])
    await mkdir(machine.path(folder), { recursive: true });
  for (const [name, text] of Object.entries(FILES)) {
    await writeFile(machine.path(name), text);
    await chmod(machine.path(name), 0o755);
  }
}

describe('configured secrets and programs of the user', { timeout: 120_000 }, () => {
  it('R3, F85, G21: no program is given one, and none comes out of what programs say', async () => {
    const parrot = await startParrot();
    const machine = await setup({
      env: { CANARY_KEY: BY_ENV },
      config: {
        endpoints: {
          ...canaryEndpoints(parrot),
          shell: { kind: 'command' },
          desk: { kind: 'ai-package', module: 'packages/teller.py', poll: '100ms' },
          simulator: { kind: 'simulator' },
        },
        default_endpoint: 'by_env',
        instance: { allow_exec: true },
        log_level: 'debug',
      },
    });
    await plantKeyFile(machine);
    await plantPrograms(machine);
    const { client } = await machine.serve();
    const jobs: readonly (readonly [name: string, job: Omit<JobIn, 'name'>])[] = [
      ['told', { prompt: { script: 'prompts/tell.py' }, configuration: { LLM_name: 'simulator:m' } }],
      ['told-parrot', { prompt: { script: 'prompts/tell.py' }, configuration: { LLM_name: 'by_env:m' } }],
      ['broke', { prompt: { script: 'prompts/break.py' }, configuration: { LLM_name: 'by_file:m' } }],
      [
        'data',
        {
          prompt: { base: '{{ x }}', data: { x: { script: 'prompts/tell.py' } } },
          configuration: { LLM_name: 'simulator:m' },
        },
      ],
      ...['by_env', 'by_file', 'by_url'].flatMap((endpoint) =>
        ['call', 'answer'].map((script): readonly [string, Omit<JobIn, 'name'>] => [
          `${script}-${endpoint}`,
          { prompt: 'x', configuration: { LLM_name: `${endpoint}:m`, command: `commands/${script}.py` } },
        ]),
      ),
      ['exec', { prompt: 'x', configuration: { LLM_name: 'by_env:m', command: 'commands/shell.py' } }],
      ['command', { type: 'command', prompt: 'x', configuration: { LLM_name: 'shell:env', argv: ['env'] } }],
      ['package', { prompt: 'x', configuration: { LLM_name: 'desk:m' } }],
    ];
    for (const [name, job] of jobs) await client.submit({ ...job, name, options: { max_attempts: 1 } });
    for (const [name] of jobs)
      await until(`${name} to end`, async () => hasEnded((await client.job(name)).state));
    const ended = await Promise.all(jobs.map(async ([name]) => [name, (await client.job(name)).state]));
    expect(Object.fromEntries(ended)).toMatchObject({
      told: 'completed',
      data: 'completed',
      broke: 'failed',
      'answer-by_env': 'failed',
      'call-by_file': 'failed',
      exec: 'completed',
      command: 'completed',
      package: 'failed',
    });
    const urls = jobs.flatMap(([name]) => [
      `/jobs/${name}?with=attempts,spec,prompt,runs`,
      `/jobs/${name}/result`,
      `/jobs/${name}/logs`,
    ]);
    const texts = await everythingSaid(machine, urls, [
      ['why'],
      ['status'],
      ...jobs.map(([name]) => ['logs', name]),
      ...jobs.map(([name]) => ['show', name]),
      ...['told', 'exec'].map((name) => ['result', name]),
    ]);
    for (const place of ['GET /jobs/broke/logs', 'GET /jobs/package/logs', 'GET /jobs/call-by_env/logs'])
      expect(texts.get(place), `what the programs know stands in ${place}`).toContain('I KNOW');
    expect(texts.get('promptd result exec'), 'what a command has in its environment').toMatch(/^PATH=/m);
    expect(canariesIn(texts)).toEqual([]);
  });
});
