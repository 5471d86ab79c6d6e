// The command of a job, as a step of an attempt: what its script reads, what becomes of what it prints, and programs.
import { describe, expect, it } from 'vitest';
import type { AttemptOrder } from '../../src/core/attempt.ts';
import type { Json } from '../../src/core/json.ts';
import type { HttpCommand } from '../../src/core/ports/http-command.ts';
import { LinkError } from '../../src/core/ports/link-reader.ts';
import type { ProviderCall } from '../../src/core/ports/provider.ts';
import type { JobAsGiven, ScriptCall } from '../../src/core/recipe.ts';
import { CommandExec } from '../../src/executor/command-exec.ts';
import { Commands } from '../../src/executor/command-runner.ts';
import { Programs } from '../../src/executor/programs.ts';
import type { RunnerReport } from '../../src/executor/report.ts';
import { createRunner } from '../../src/executor/runner.ts';
import { FakeChildren, type FakeChild } from '../support/fake-children.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { answerOf, CHECKER, endpointOf, orderOf, watched } from './attempts.ts';

const KEY = 'sk-secret-0123456789';

const SCRIPT: ScriptCall = {
  script: 'commands/call.py',
  args: { style: 'brief' },
  pure: false,
  source_sha256: '0'.repeat(64),
  inputs: [],
};

const JOB: JobAsGiven = {
  ...{ name: 'faq-17', run: 2, batch: 'faq', key: '17', metadata: { row: 17 }, type: 'llm' },
  prompt: 'Say something.',
  configuration: { LLM_name: 'gpu:m', temperature: 0.2, command: 'commands/call.py' },
};

interface Options {
  readonly printed?: unknown;
  readonly allow_exec?: boolean;
  readonly kind?: 'openai-compatible' | 'simulator' | 'command';
  readonly play?: (child: FakeChild) => void;
}

function setup({ printed = {}, allow_exec = true, kind = 'openai-compatible', play }: Options = {}) {
  const clock = new FakeClock();
  const children = new FakeChildren(play ?? ((child) => child.exit()));
  const scripts: { readonly call: ScriptCall; readonly input: Json }[] = [];
  const sent: { readonly command: HttpCommand; readonly call: ProviderCall }[] = [];
  const commands = new Commands({
    scripts: {
      run: async (call, input) => {
        scripts.push({ call, input });
        return Promise.resolve(typeof printed === 'string' ? printed : JSON.stringify(printed));
      },
    },
    http: {
      send: async (command, call) => {
        sent.push({ command, call });
        return Promise.resolve(answerOf());
      },
    },
    exec: new CommandExec({
      programs: new Programs({ children, timers: clock, env: { PATH: '/usr/bin', LANG: 'C' } }),
      links: {
        script: async (path) => {
          if (path === 'commands/plain') throw new LinkError('not_executable', 'it is not executable');
          if (path !== 'commands/tool') throw new LinkError('missing', 'there is no such file');
          return Promise.resolve({ file: '/ws/commands/tool', bytes: new Uint8Array() });
        },
      },
      timers: clock,
      allow_exec,
    }),
  });
  const endpoint = endpointOf({ kind, api_key_env: 'A_KEY' });
  const runner = createRunner({
    endpoints: new Map([['gpu', endpoint]]),
    providers: new Map(),
    secrets: { keyOf: async () => Promise.resolve(KEY) },
    clock,
    timers: clock,
    result_bytes_max: 1_000,
    prompts: null,
    commands,
    checker: CHECKER,
  });
  const seen = watched();
  const controller = new AbortController();
  const run = async (order: Partial<AttemptOrder> = {}): Promise<RunnerReport> =>
    runner.run(
      orderOf({ ...(order.argv == null ? { command: SCRIPT } : {}), job: JOB, ...order }),
      seen.observer,
      controller.signal,
    );
  return { run, clock, children, scripts, sent, seen, abort: (reason: string) => controller.abort(reason) };
}

const HTTP = { http: { path: '/x?secret=1', body: { model: 'm' }, result: '/text' } };

describe('a command script', () => {
  it('R3: reads the prompt, the configuration and the endpoint, and neither an address nor a key', async () => {
    const { run, scripts } = setup({ printed: HTTP });
    await run();
    expect(scripts).toEqual([
      {
        call: SCRIPT,
        input: {
          prompt: 'Say something.',
          messages: [{ role: 'user', content: 'Say something.' }],
          configuration: JOB.configuration,
          endpoint: { name: 'gpu', kind: 'openai-compatible', model: 'm' },
          name: 'faq-17',
          run: 2,
          key: '17',
          metadata: { row: 17 },
          args: { style: 'brief' },
        },
      },
    ]);
    expect(JSON.stringify(scripts)).not.toMatch(/gpu1|8000|sk-secret/);
  });

  it('R3: reads no single prompt where there are several messages, but all of them', async () => {
    const { run, scripts } = setup({ printed: HTTP });
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ] as const;
    await run({ messages });
    expect(scripts).toMatchObject([{ input: { prompt: null, messages } }]);
  });

  it('R3: its HTTP request goes to the job’s endpoint, and the answer is the job’s', async () => {
    const { run, sent, seen } = setup({ printed: HTTP });
    const report = await run();
    expect(report).toMatchObject({ outcome: 'succeeded', answer: { text: 'Something.' } });
    expect(sent).toMatchObject([
      { command: { path: '/x?secret=1' }, call: { base_url: 'http://gpu1:8000/v1', api_key: KEY } },
    ]);
    expect(seen.log.join('\n')).toContain('POST /x, as commands/call.py says');
    expect(seen.log.join('\n')).not.toMatch(/secret/);
  });

  it('R3: what is no command fails the job, with where, what was expected and what was got', async () => {
    const { run, sent } = setup({ printed: { http: { path: '/../x', methd: 'GET', result: 'text' } } });
    const { failure } = await run();
    expect(failure).toMatchObject({ blame: 'job', reason_code: 'ScriptOutputInvalid' });
    expect(failure?.message).toContain(
      'commands/call.py printed no command: http.path: expected a path without',
    );
    expect(failure?.message).toContain('got "/../x"');
    expect(failure?.message).toContain('Did you mean method?');
    expect(sent).toEqual([]);
  });

  it.each([
    ['hello', 'expected a JSON value, got hello'],
    ['', 'expected a JSON value, got the end of the text'],
  ])('R3: what is no JSON at all is named as a whole: %j', async (printed, sentence) => {
    const { run } = setup({ printed });
    expect((await run()).failure?.message).toMatch(
      new RegExp(`^commands/call\\.py printed no command: ${sentence}`),
    );
  });

  it.each(['simulator', 'command'] as const)(
    'R3: an endpoint of kind %s has no server to be asked',
    async (kind) => {
      const { run, sent } = setup({ printed: HTTP, kind });
      const { failure } = await run();
      expect(failure).toMatchObject({ blame: 'job', reason_code: 'ScriptOutputInvalid' });
      expect(failure?.message).toContain(`gpu is of kind "${kind}", which has no server`);
      expect(sent).toEqual([]);
    },
  );
});

describe('a program', () => {
  const exec = (more: object = {}): object => ({ exec: { argv: ['tool', '-n'], ...more } });

  it.each([
    ['printed by a script', { printed: exec(), allow_exec: false }, {}],
    ['of a job of type command', { allow_exec: false }, { argv: ['tool'] }],
  ])('R3: %s is off unless the instance allows it', async (_, options, order) => {
    const { run, children } = setup(options);
    const { failure } = await run(order);
    expect(failure).toMatchObject({ blame: 'job', reason_code: 'ExecOff' });
    expect(children.spawned).toEqual([]);
  });

  it('R3: runs without a shell in a fresh folder, and what it prints is the answer', async () => {
    const { run, children } = setup({
      printed: exec({ argv: ['tool', '; rm -rf /', '$HOME'], stdin: 'größer', env: { LANG: 'de', A: 'b' } }),
      play: (child) => {
        child.prints('One\n');
        child.prints('two\n');
        child.exit();
      },
    });
    const report = await run();
    expect(report).toMatchObject({
      outcome: 'succeeded',
      answer: { text: 'One\ntwo\n', meta: { finish_reason: 'stop', usage: null, parameters_sent: {} } },
    });
    expect(children.last).toMatchObject({ stdin: 'größer', stdin_closed: true });
    expect(children.last.spec).toEqual({
      argv: ['tool', '; rm -rf /', '$HOME'],
      env: { PATH: '/usr/bin', LANG: 'de', A: 'b' },
      cwd: null,
      output_bytes_max: 1_000,
    });
  });

  it.each([
    ['/usr/bin/tool', '/usr/bin/tool'],
    ['tool', 'tool'],
    ['commands/tool', '/ws/commands/tool'],
  ])('R3: %s is found as %s', async (named, found) => {
    const { run, children } = setup();
    await run({ argv: [named] });
    expect(children.last.spec.argv).toEqual([found]);
  });

  it.each([
    ['commands/gone', 'ScriptMissing', 'commands/gone: there is no such file'],
    ['commands/plain', 'ScriptNotExecutable', 'chmod +x commands/plain'],
    ['bin/tool', 'ScriptMissing', 'got "bin/tool"'],
    ['./tool', 'ScriptMissing', 'got "./tool"'],
    ['../tool', 'ScriptMissing', 'got "../tool"'],
    ['', 'ScriptMissing', 'got ""'],
  ])('R3: %j is %s', async (named, reason_code, expected) => {
    const { run, children } = setup();
    const { failure } = await run({ argv: [named] });
    expect(failure).toMatchObject({ blame: 'job', reason_code });
    expect(failure?.message).toContain(expected);
    expect(children.spawned).toEqual([]);
  });

  it('R3: of a job of type command reads the prompt, or all messages where there are several', async () => {
    const { run, children } = setup();
    await run({ argv: ['tool'] });
    expect(children.last.stdin).toBe('Say something.');
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
    ] as const;
    await run({ argv: ['tool'], messages });
    expect(JSON.parse(children.last.stdin)).toEqual({ messages });
  });

  it('R3: that exits with an error has failed, and may be tried again', async () => {
    const { run } = setup({
      play: (child) => {
        child.says('no such row\n');
        child.exit(3);
      },
    });
    const { failure } = await run({ argv: ['tool'] });
    expect(failure).toMatchObject({ blame: 'transient', reason_code: 'ScriptFailed' });
    expect(failure?.message).toContain('it exited with 3: no such row');
  });

  it.each([
    ['bytes that are no UTF-8', Buffer.from([0xff]), 'ScriptOutputInvalid'],
    ['more than a result may have', 'x'.repeat(1_001), 'ScriptOutputTooLarge'],
  ])('R3: that prints %s fails the job', async (_, output, reason_code) => {
    const { run } = setup({
      play: (child) => {
        child.prints(output);
        child.exit();
      },
    });
    expect((await run({ argv: ['tool'] })).failure).toMatchObject({ blame: 'job', reason_code });
  });

  it('R3, F27: that ends well and prints nothing has answered with an empty text', async () => {
    const { run } = setup({ play: (child) => child.exit() });
    expect(await run({ argv: ['tool'] })).toMatchObject({ outcome: 'succeeded', answer: { text: '' } });
  });

  it('R3: is alive while it runs: only the time limit of the attempt ends it', async () => {
    const { run, clock, children } = setup({ play: () => undefined });
    const limits = { first_token_timeout_ms: 5_000, stall_timeout_ms: 5_000, attempt_timeout_ms: 600_000 };
    const report = run({ argv: ['tool'], ...limits });
    await clock.advance(599_000);
    expect(children.last.is_over).toBe(false);
    await clock.advance(2_000);
    expect(children.last.is_over).toBe(true);
    expect((await report).failure).toMatchObject({ reason_code: 'TotalTimeout' });
    expect(clock.waiting).toBe(0);
  });

  it('R3 R17: runs though its limits are longer than any timer', async () => {
    const { run, children } = setup({ play: (child) => child.exit() });
    const limit = 100 * 86_400_000;
    const limits = { first_token_timeout_ms: limit, stall_timeout_ms: limit, attempt_timeout_ms: limit };
    expect(await run({ argv: ['tool'], ...limits })).toMatchObject({ outcome: 'succeeded' });
    expect(children.last.is_over).toBe(true);
  });

  it('R3: ends with its attempt', async () => {
    const { run, clock, children, abort } = setup({ play: () => undefined });
    const report = run({ argv: ['tool'] });
    await clock.settle();
    abort('cancelled');
    expect((await report).outcome).toBe('cancelled');
    expect(children.last.kills).toHaveLength(1);
  });
});
