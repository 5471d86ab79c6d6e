/** The whole road against a model server that others wrote, over both protocols. */
import { LLMock } from '@copilotkit/aimock';
import { expect, it, onTestFinished } from 'vitest';
import { setup, until } from './machine.ts';

it('R5: jobs over both protocols are answered by a model server of others', async () => {
  const mock = new LLMock({ port: 0 });
  mock.onMessage(/capital of France/, { content: 'Paris, as **everybody** knows.' });
  mock.onMessage(/capital of Peru/, { content: 'Lima.' });
  await mock.start();
  onTestFinished(async () => {
    await mock.stop();
  });
  const endpoints = {
    ollama: { kind: 'ollama', base_url: mock.url },
    openai: { kind: 'openai-compatible', base_url: `${mock.url}/v1` },
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
      configuration: { LLM_name: 'openai:gpt-4o-mini' },
    },
  ]);
  await until('both answers', async () => (await serving.client.batch('b', { wait: 10 })).ended === 2);
  expect((await serving.client.result('france')).result).toBe('Paris, as **everybody** knows.');
  expect((await serving.client.result('peru')).result).toBe('Lima.');
  expect(await serving.stop()).toBe(0);
});
