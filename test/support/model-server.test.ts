import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { track } from './children.ts';
import { startModelServer } from './model-server.ts';

async function chat(url: string, content: string, signal?: AbortSignal): Promise<Response> {
  const body = JSON.stringify({ model: 'test-model', stream: true, messages: [{ role: 'user', content }] });
  return fetch(`${url}/api/chat`, {
    method: 'POST',
    body,
    headers: { connection: 'close' },
    ...(signal === undefined ? {} : { signal }),
  });
}

describe('the scripted model server', () => {
  it('counts requests by prompt, and plays a list of scripts in turn', async () => {
    const server = await startModelServer();
    server.script('turns', [{ status: 429, retry_after: '1' }, { tokens: 1 }]);
    const statuses = [];
    for (const prompt of ['turns', 'turns', 'turns', 'other']) {
      const response = await chat(server.url, prompt);
      statuses.push(response.status);
      await response.text();
    }
    expect(statuses).toEqual([429, 200, 200, 200]);
    expect(server.stats()).toMatchObject({
      total: 4,
      prompts: { turns: 3, other: 1 },
      answered: 4,
      aborted: 0,
      open: 0,
    });
    await server.close();
  });

  it('sees that a client went away', async () => {
    const server = await startModelServer();
    const controller = new AbortController();
    const response = await chat(server.url, 'gone\n@server {"stall": 2}', controller.signal);
    controller.abort();
    await expect(response.text()).rejects.toThrow('abort');
    const request = await server.arrived('gone');
    await request.ended;
    expect(request).toMatchObject({ state: 'aborted', nth: 1 });
    expect(request.ended_after_ms).toBeGreaterThanOrEqual(0);
    await server.close();
  });

  it('runs as a process, and ends with it', async () => {
    const file = fileURLToPath(new URL('./model-server.ts', import.meta.url));
    const child = track(
      spawn(process.execPath, [file, '--port', '0', '--models', 'test-model,b'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { url } = JSON.parse(line.toString()) as { readonly url: string };
    await (await chat(url, 'hello')).text();
    expect(await (await fetch(`${url}/_stats`, { headers: { connection: 'close' } })).json()).toMatchObject({
      total: 1,
      prompts: { hello: 1 },
    });
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  });
});
