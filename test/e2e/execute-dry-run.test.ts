/** `promptd execute --dry-run`: what would leave, beside a server that says what then left. */
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/core/errors.ts';
import { pathOf, PLATFORMS } from '../providers/vendors.ts';
import { setup } from './machine.ts';

const KEY_HEADERS: Readonly<Record<string, readonly [name: string, value: string]>> = {
  anthropic: ['x-api-key', '***'],
  google: ['x-goog-api-key', '***'],
};

describe('promptd execute --dry-run', { timeout: 60_000 }, () => {
  const canary = 'sk-canary-0123456789';

  it.each(PLATFORMS)(
    'R4: prints the very body that %s would be sent, with its key masked, and sends nothing',
    async (kind) => {
      const [header, key] = KEY_HEADERS[kind] ?? ['authorization', 'Bearer ***'];
      const machine = await setup({ env: { A_TEST_KEY: canary } });
      const base_url = `${machine.model.url}${pathOf(kind)}`;
      const endpoints = { asked: { kind, base_url, api_key_env: 'A_TEST_KEY' } };
      await writeFile(machine.path('promptd.config.json'), JSON.stringify({ endpoints }));
      const configuration = { LLM_name: 'asked:test-model', max_tokens: 9, temperature: 0.5, stop: ['x'] };
      await machine.writeJobs({ dry: { prompt: 'What would leave?', configuration } });
      const dry = await machine.promptd('execute', 'jobs/dry.json', '--dry-run', '--json');
      expect(dry.code, dry.stderr).toBe(0);
      const { call, ...about } = JSON.parse(dry.stdout);
      expect(about).toMatchObject({
        name: 'dry',
        endpoint: 'asked',
        endpoint_kind: kind,
        model: 'test-model',
        prompt: [{ role: 'user', content: 'What would leave?' }],
      });
      expect(call.headers[header]).toBe(key);
      expect(machine.model.stats().total).toBe(0);
      const shown = await machine.promptd('execute', 'jobs/dry.json', '--dry-run');
      expect(shown.stdout).toContain('What would leave?');
      expect(shown.stdout).toContain(`POST ${call.url}`);
      expect(dry.stdout + dry.stderr + shown.stdout + shown.stderr).not.toContain('canary');
      expect(await stat(machine.path('results')).catch(() => null)).toBeNull();
      // Then it leaves, and is what was shown.
      const real = await machine.promptd('execute', 'jobs/dry.json');
      expect(real.code, real.stderr).toBe(0);
      const [sent] = machine.model.requests;
      expect(call.body).toEqual(sent?.body);
      expect(call.url).toBe(`${machine.model.url}${sent?.url ?? ''}`);
    },
  );

  it('R4: needs no key: it is not read', async () => {
    const machine = await setup();
    const endpoints = { asked: { kind: 'openai', api_key_env: 'A_KEY_THAT_IS_NOT_SET' } };
    await writeFile(machine.path('promptd.config.json'), JSON.stringify({ endpoints }));
    await machine.writeJobs({ dry: { prompt: 'x', configuration: { LLM_name: 'asked:some-model' } } });
    const { code, stdout } = await machine.promptd('execute', 'jobs/dry.json', '--dry-run', '--json');
    expect([code, JSON.parse(stdout).call.url]).toEqual([0, 'https://api.openai.com/v1/chat/completions']);
  });

  it('R1, R4: runs the scripts that build the prompt and the command, but not the command', async () => {
    const machine = await setup({ env: { GIVEN_TO_PROGRAMS: canary } });
    const endpoints = {
      vllm: { kind: 'openai-compatible', base_url: `${machine.model.url}/v1` },
      shell: { kind: 'command' },
    };
    const instance = { pass_env: ['GIVEN_TO_PROGRAMS'] };
    await writeFile(machine.path('promptd.config.json'), JSON.stringify({ endpoints, instance }));
    const script = async (file: string, text: string): Promise<void> => {
      await mkdir(dirname(machine.path(file)), { recursive: true });
      await writeFile(machine.path(file), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    };
    await script('prompts/made.sh', "printf 'made by a script'");
    await script(
      'commands/ask.sh',
      `printf '{"http": {"path": "/chat/completions", "headers": {"x-note": "%s"}, "body": {"model": "m"}, "result": "text"}}' "$GIVEN_TO_PROGRAMS"`,
    );
    const made = { script: 'prompts/made.sh' };
    const marker = machine.path('it-ran');
    await machine.writeJobs({
      asks: { prompt: made, configuration: { LLM_name: 'vllm:m', command: 'commands/ask.sh' } },
      runs: {
        type: 'command',
        prompt: made,
        configuration: { LLM_name: 'shell:any', argv: ['touch', marker] },
      },
    });
    const asks = await machine.promptd('execute', 'jobs/asks.json', '--dry-run', '--json');
    expect(asks.code, asks.stderr).toBe(0);
    expect(JSON.parse(asks.stdout)).toMatchObject({
      prompt: [{ role: 'user', content: 'made by a script' }],
      call: { kind: 'http', body: { model: 'm' }, headers: { 'x-note': '***' } },
    });
    expect(asks.stdout + asks.stderr).not.toContain('canary');
    const runs = await machine.promptd('execute', 'jobs/runs.json', '--dry-run', '--json');
    expect(JSON.parse(runs.stdout)).toMatchObject({
      call: { kind: 'program', argv: ['touch', marker], stdin: 'made by a script' },
      exec_off: true,
    });
    expect(await stat(marker).catch(() => null)).toBeNull();
    const off = await machine.promptd('execute', 'jobs/runs.json');
    expect([off.code, off.stderr]).toEqual([EXIT.job_failed, expect.stringContaining('ExecOff')]);
    expect((await machine.promptd('execute', 'jobs/runs.json', '--allow-exec')).code).toBe(0);
    expect(await stat(marker).catch(() => null)).not.toBeNull();
    expect(machine.model.stats().total).toBe(0);
  });
});
