/**
 * F85, G21: configured secrets stand nowhere but where they were put. Endpoints are asked with keys that a hostile platform
 * repeats in everything it says; then every file, every answer over HTTP, every command's output and every command line of
 * the run is searched for them, in each form in which they could stand there.
 */
import { describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import {
  BY_ENV,
  canariesIn,
  canaryEndpoints,
  everythingSaid,
  plantKeyFile,
  startParrot,
} from './canaries.ts';
import { setup } from './machine.ts';

describe('configured secrets', { timeout: 120_000 }, () => {
  it('F85, G21: stand in no log, row, file, answer, output or command line, whatever a platform repeats', async () => {
    const parrot = await startParrot();
    const machine = await setup({
      env: { CANARY_KEY: BY_ENV },
      config: {
        endpoints: canaryEndpoints(parrot),
        default_endpoint: 'by_env',
        log_level: 'debug',
      },
    });
    await plantKeyFile(machine);
    const { client } = await machine.serve();
    const names: string[] = [];
    const submit = async (endpoint: string, status: number): Promise<void> => {
      names.push(`${endpoint}-${status}`);
      await client.submit({
        name: `${endpoint}-${status}`,
        prompt: `status ${status}`,
        configuration: { LLM_name: `${endpoint}:m` },
        options: { max_attempts: 1 },
      });
    };
    const endpoints = ['by_env', 'by_file', 'by_url'];
    for (const endpoint of endpoints)
      for (const status of [400, 500, 301, 404, 200]) await submit(endpoint, status);
    for (const name of names)
      await until(`${name} to fail`, async () => (await client.job(name)).state === 'failed');
    // These close their endpoints, and their jobs wait with the reason.
    await submit('by_env', 401);
    await submit('by_file', 402);
    await submit('by_url', 429);
    await until('the endpoints to be closed', async () =>
      (await client.endpoints()).every(({ gate }) => gate !== 'open'),
    );
    const urls = ['/jobs', '/endpoints', '/instances', '/stats', '/batches', '/openapi.json', '/readyz'];
    for (const name of names)
      urls.push(`/jobs/${name}?with=attempts,spec,prompt,runs`, `/jobs/${name}/result`, `/jobs/${name}/logs`);
    const texts = await everythingSaid(machine, urls, [
      ['status'],
      ['status', '--json'],
      ['endpoints'],
      ['ls', '--json'],
      ['why', names[0]!],
      ['why'],
      ['show', names[0]!],
      ['logs', names[0]!],
      ['env'],
    ]);
    expect(texts.get(`promptd why ${names[0]}`), 'what the parrot says is told, without the key').toContain(
      'You sent',
    );
    const quoting = [...texts].flatMap(([name, text]) => (text.includes('You sent') ? [name] : []));
    for (const place of [/queue\.db/, /^ended\//, /^GET .*attempts/, /^promptd why/])
      expect(
        quoting.some((name) => place.test(name)),
        `the words around the keys stand in ${place}`,
      ).toBe(true);
    expect(canariesIn(texts)).toEqual([]);
  });
});
