/** `promptd endpoints test NAME`: one tiny call, by the command itself. */
import { stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/core/errors.ts';
import { type Machine, setup } from './machine.ts';

/** A workspace with an endpoint that nobody serves, and one that wants a key, beside the usual ones. */
async function workspace(env: Readonly<Record<string, string>> = {}): Promise<Machine> {
  const machine = await setup({ env });
  const base_url = `${machine.model.url}/v1`;
  const config = {
    endpoints: {
      ollama: { kind: 'ollama', base_url: machine.model.url },
      vllm: { kind: 'openai-compatible', base_url },
      keyed: { kind: 'openai-compatible', base_url, api_key_env: 'A_TEST_KEY' },
      away: { kind: 'openai-compatible', base_url: 'http://127.0.0.1:9/v1' },
      simulator: { kind: 'simulator', tokens_per_second: 0 },
      shell: { kind: 'command' },
    },
  };
  await writeFile(machine.path('promptd.config.json'), JSON.stringify(config));
  return machine;
}

describe('promptd endpoints test', { timeout: 60_000 }, () => {
  it.each(['ollama', 'vllm'])('R5: asks %s something tiny of the first model that can chat', async (name) => {
    const machine = await workspace();
    machine.model.setModels(['test-embedding', 'test-model', 'other']);
    const { code, stdout, stderr } = await machine.promptd('endpoints', 'test', name);
    expect(code, stderr).toBe(0);
    expect(stdout).toBe('token0 token1 token2 token3 token4 of: Answer with the word ok.\n');
    expect(stderr).toContain(`at ${new URL(machine.model.url).host}), model test-model`);
    expect(stderr).toMatch(/first token after \d+ ms, all after \d+ ms; \d+ tokens in, 5 out/);
    expect(machine.model.requests).toMatchObject([
      { prompt: 'Answer with the word ok.', model: 'test-model' },
    ]);
    // Nothing is queued and nothing written.
    const left = await Promise.all(
      ['results', '.promptd'].map((folder) => stat(machine.path(folder)).catch(() => null)),
    );
    expect(left).toEqual([null, null]);
  });

  it('takes the model that is named, and tells all as JSON', async () => {
    const machine = await workspace();
    machine.model.setModels(['test-model', 'other']);
    const { code, stdout } = await machine.promptd('endpoints', 'test', 'vllm', '-m', 'other', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      endpoint: 'vllm',
      kind: 'openai-compatible',
      model: 'other',
      ok: true,
      finish_reason: 'stop',
      total_ms: expect.any(Number),
      usage: { output: 5 },
    });
  });

  it('says of the simulator that it is a stand-in', async () => {
    const { code, stdout, stderr } = await (await workspace()).promptd('endpoints', 'test', 'simulator');
    expect([code, stdout], stderr).toEqual([0, expect.stringContaining('no model was asked')]);
    expect(stderr).toContain('This is a stand-in');
  });

  it.each([
    ['away', [], EXIT.unreachable, /EndpointUnreachable: .*127\.0\.0\.1:9/],
    ['keyed', [], EXIT.not_allowed, /EndpointAuth: .*A_TEST_KEY/],
    ['vllm', ['-m', 'none'], EXIT.job_failed, /ModelMissing: .*none/],
    ['nowhere', [], EXIT.not_found, /There is no endpoint "nowhere".*ollama, vllm/],
    ['shell', [], EXIT.usage, /runs the commands of jobs/],
  ])('says what is wrong with %s, and tells it by the exit code', async (name, more, exit, said) => {
    const machine = await workspace();
    const { code, stdout, stderr } = await machine.promptd('endpoints', 'test', name, ...more);
    expect([code, stdout]).toEqual([exit, '']);
    expect(stderr).toMatch(said);
  });

  it('shows a wrong key as wrong (exit 4), and never the key', async () => {
    const machine = await workspace({ A_TEST_KEY: 'sk-canary-0123456789' });
    machine.model.script(/./, { status: 401, error: 'wrong key sk-canary-0123456789' });
    const { code, stdout, stderr } = await machine.promptd(
      'endpoints',
      'test',
      'keyed',
      '-m',
      'test-model',
      '--json',
    );
    expect(code).toBe(EXIT.not_allowed);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, reason: { code: 'EndpointAuth' } });
    expect(stdout + stderr).not.toContain('canary');
  });
});
