/** Jobs by the reason that is shown of them, where it is a matter of the moment. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { setup } from './machine.ts';

/** An address at which nobody listens. */
async function away(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}/v1`;
}

it('R20 R25: ls and why select by what holds an endpoint; a change by it is refused', async () => {
  const base_url = await away();
  const machine = await setup({
    config: {
      default_endpoint: 'away',
      endpoints: {
        away: { kind: 'openai-compatible', base_url, max_concurrent: 2 },
        simulator: { kind: 'simulator', tokens_per_second: 0 },
      },
    },
  });
  const { client } = await machine.serve();
  const jobs = ['a', 'b', 'c'].map((name) => ({
    name,
    prompt: name,
    configuration: { LLM_name: 'away:m' },
  }));
  await client.submitMany([
    ...jobs,
    { name: 'done', prompt: 'done', configuration: { LLM_name: 'simulator:m' } },
  ]);
  await until('the other job to be done', async () => (await client.job('done')).state === 'completed');
  // Now and then one of them is asked, to see whether the endpoint is there.
  const selected = async (): Promise<readonly string[]> =>
    (await machine.promptd('ls', '--reason', 'EndpointUnreachable', '--json')).stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { name: string }).name);
  await until('ls to select all that wait', async () => (await selected()).join() === 'c,b,a');
  await until('why to count them', async () =>
    (await machine.promptd('why', '--reason', 'EndpointUnreachable')).stdout.startsWith(
      '3 queued, e.g. c: EndpointUnreachable: ',
    ),
  );
  expect((await machine.promptd('ls', '--reason', 'EndpointAuth')).stderr).toBe('No job fits.\n');
  const refused = await machine.promptd('cancel', '--reason', 'EndpointUnreachable', '--yes');
  expect(refused).toMatchObject({ code: 2, stdout: '' });
  expect(refused.stderr).toContain('Select by --endpoint and --model, with --state queued.');
});
