/** The whole road against a model server that others wrote, over the protocols that it speaks. */
import { LLMock } from '@copilotkit/aimock';
import { expect, it, onTestFinished } from 'vitest';
import { setup } from './machine.ts';
import { until } from '../support/until.ts';

const VENDORS = [
  'openai:gpt-4o-mini',
  'claude:claude-sonnet-4-5',
  'gemini:gemini-2.5-flash',
  'mistral:mistral-small-latest',
];

it('R5: jobs for every platform are answered by a model server of others', async () => {
  const mock = new LLMock({ port: 0 });
  mock.onMessage(/capital of France/, { content: 'Paris, as **everybody** knows.' });
  mock.onMessage(/capital of Peru/, { content: 'Lima.' });
  mock.onMessage(/capital of Chad/, { content: 'N’Djamena.' });
  await mock.start();
  onTestFinished(async () => {
    await mock.stop();
  });
  const endpoints = {
    ollama: { kind: 'ollama', base_url: mock.url },
    vllm: { kind: 'openai-compatible', base_url: `${mock.url}/v1` },
    openai: { kind: 'openai', base_url: `${mock.url}/v1` },
    claude: { kind: 'anthropic', base_url: `${mock.url}/v1` },
    gemini: { kind: 'google', base_url: `${mock.url}/v1beta` },
    mistral: { kind: 'mistral', base_url: `${mock.url}/v1` },
  };
  const machine = await setup({ config: { endpoints } });
  const serving = await machine.serve();
  await serving.client.submitMany([
    {
      name: 'france',
      batch: 'b',
      prompt: 'What is the capital of France?',
      configuration: { LLM_name: 'ollama:llama3.2' },
    },
    {
      name: 'peru',
      batch: 'b',
      prompt: 'What is the capital of Peru?',
      configuration: { LLM_name: 'vllm:gpt-4o-mini' },
    },
    ...VENDORS.map((LLM_name) => ({
      name: LLM_name.replace(':', '-'),
      batch: 'b',
      prompt: 'What is the capital of Chad?',
      configuration: { LLM_name, temperature: 0.5, max_tokens: 50, min_p: 0.1 },
    })),
  ]);
  await until('all answers', async () => (await serving.client.batch('b', { wait: 10 })).ended === 6);
  expect((await serving.client.result('france')).result).toBe('Paris, as **everybody** knows.');
  expect((await serving.client.result('peru')).result).toBe('Lima.');
  for (const LLM_name of VENDORS) {
    const { result, warnings } = await serving.client.result(LLM_name.replace(':', '-'));
    expect(result).toBe('N’Djamena.');
    expect(warnings).toContain('min_p is not supported here.');
  }
  expect(await serving.stop()).toBe(0);
});
