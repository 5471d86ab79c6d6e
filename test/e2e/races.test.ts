/** Races between real processes: `serve`, its instance and another one, many clients, and a model server that counts. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { HttpCaller } from '../model/http-caller.ts';
import { setup } from './machine.ts';
import { until } from '../support/until.ts';

const CROWD = 100;
const crowd = Array.from({ length: CROWD }, (_, at) => at);

function job(name: string, prompt: string, more: object = {}): object {
  return { name, prompt, configuration: { LLM_name: 'ollama:test-model' }, ...more };
}

const nameOf = (file: string): string => file.replace(/^\d+_/, '').replace(/\.json$/, '');

describe('a hundred clients of one server', () => {
  it('G2: submit one job at one moment: one run, one request at the model, one file', async () => {
    const machine = await setup();
    const { client, stop } = await machine.serve();
    await machine.instance('second', client);
    const http = new HttpCaller(machine.path('.promptd', 'http.sock'));
    const answers = await Promise.all(crowd.map(() => http.post('/jobs', job('faq', 'the same'))));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(CROWD - 1);
    const others = await Promise.all(crowd.map((at) => http.post('/jobs', job('faq', `another ${at}`))));
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([409]));
    expect(await http.ask('/jobs/faq?wait=60')).toMatchObject({ json: { state: 'completed', run: 1 } });
    await until('its file', async () => (await machine.files('results')).length === 1);
    expect(machine.model.requests).toHaveLength(1);
    http.close();
    expect(await stop()).toBe(0);
    expect((await machine.files('results')).map(nameOf)).toEqual(['faq']);
  });

  it('G6, G12: cancel while the answers come: each job leaves one file, and its state says which', async () => {
    const machine = await setup();
    const { client, stop } = await machine.serve();
    await machine.instance('second', client);
    const http = new HttpCaller(machine.path('.promptd', 'http.sock'));
    const names = crowd.map((at) => `faq-${at}`);
    await http.post(
      '/jobs',
      names.map((name) => job(name, `about ${name}`)),
    );
    const cancels = await Promise.all(names.map((name) => http.delete(`/jobs/${name}`)));
    const states = await Promise.all(
      names.map(async (name) => (await http.ask(`/jobs/${name}?wait=60`)).json['state'] as string),
    );
    for (const [at, { status }] of cancels.entries())
      expect(states[at], names[at]).toMatch(status === 409 ? /^completed$/ : /^(completed|cancelled)$/);
    const of = (state: string): string[] => names.filter((_, at) => states[at] === state).toSorted();
    await until('every file', async () => {
      const [results, ended] = [await machine.files('results'), await machine.files('ended')];
      return results.length + ended.length === CROWD;
    });
    http.close();
    expect(await stop()).toBe(0);
    expect((await machine.files('results')).map(nameOf).toSorted()).toEqual(of('completed'));
    expect((await machine.files('ended')).map(nameOf).toSorted()).toEqual(of('cancelled'));
    for (const file of await machine.files('results')) {
      const { result } = JSON.parse(await readFile(machine.path('results', file), 'utf8')) as {
        result: string;
      };
      expect(result).toContain(`about ${nameOf(file)}`);
    }
  });

  it('G2: commands that submit the same folder at one moment make each of its jobs once', async () => {
    const machine = await setup();
    const { stop } = await machine.serve();
    const names = crowd.slice(0, 20).map((at) => `faq-${at}`);
    await machine.writeJobs(Object.fromEntries(names.map((name) => [name, job(name, `about ${name}`)])));
    const commands = await Promise.all(
      crowd.slice(0, 5).map(() => machine.promptd('submit', ...names.map((name) => `jobs/${name}.json`))),
    );
    for (const { code, stderr } of commands) expect([code, stderr]).toEqual([0, expect.any(String)]);
    await until('every answer', async () => (await machine.files('results')).length === names.length);
    expect(machine.model.requests).toHaveLength(names.length);
    const http = new HttpCaller(machine.path('.promptd', 'http.sock'));
    const list = await http.ask('/jobs?latest=false&limit=1000');
    http.close();
    expect(list.json['jobs']).toHaveLength(names.length);
    expect(await stop()).toBe(0);
  });
});
