/** The table of wrong jobs, through the real doors: HTTP over the socket, and the command line. Nothing of it stays behind. */
import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { ERRORS, type Fault } from '../../src/core/errors.ts';
import { WRONG_JOBS, WRONG_JOBS_CONTEXT } from '../core/wrong-jobs.ts';
import { setup, type Machine } from './machine.ts';

interface Answer {
  readonly status: number;
  readonly body: { readonly code: keyof typeof ERRORS; readonly errors: readonly Fault[] };
}

function post(machine: Machine, text: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socketPath = machine.path('.promptd', 'http.sock');
    const asked = request(
      { socketPath, path: '/jobs', method: 'POST', headers: { 'content-type': 'application/json' } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const body = JSON.parse(Buffer.concat(chunks).toString()) as Answer['body'];
          resolve({ status: response.statusCode ?? 0, body });
        });
      },
    );
    asked.on('error', reject);
    asked.end(text);
  });
}

function wrongMachine(): Promise<Machine> {
  const kinds = Object.fromEntries(WRONG_JOBS_CONTEXT.endpoints.map((name) => [name, { kind: name }]));
  const { default_endpoint } = WRONG_JOBS_CONTEXT;
  return setup({ config: { default_endpoint, endpoints: kinds } });
}

describe('40 wrong jobs', () => {
  it('R1 R19: are refused over HTTP with their exact errors, and leave no trace in the queue', async () => {
    const machine = await wrongMachine();
    const serving = await machine.serve();
    for (const { title, text, faults } of WRONG_JOBS) {
      const answer = await post(machine, text);
      if (text.trimStart().startsWith('[')) {
        // Over HTTP a list is many jobs, and the fault is of the first of them.
        expect(answer).toMatchObject({
          status: 422,
          body: { errors: [{ path: expect.stringMatching(/^jobs\[0\]/) }] },
        });
        continue;
      }
      expect({ title, errors: answer.body.errors }).toEqual({ title, errors: faults });
      expect({ title, status: answer.status }).toEqual({ title, status: ERRORS[answer.body.code].status });
    }
    expect(await serving.client.counts(['state'])).toEqual([]);
    expect(await serving.stop()).toBe(0);
    expect(await machine.files('jobs')).toEqual([]);
  });

  it('R1 R20: are refused by the command line with file, line and column, and nothing is submitted', async () => {
    const machine = await wrongMachine();
    const serving = await machine.serve();
    await mkdir(machine.path('wrong'));
    for (const [index, { text }] of WRONG_JOBS.entries())
      await writeFile(machine.path('wrong', `job-${index}.json`), text);
    for (const command of ['validate', 'submit', 'run']) {
      const done = await machine.promptd(command, 'wrong');
      const said = `${done.stdout}\n${done.stderr}`;
      for (const [index, { faults }] of WRONG_JOBS.entries()) {
        for (const { path, line, column, expected, got } of faults) {
          expect(said).toContain(
            `wrong/job-${index}.json:${line}:${column}: ${path}: expected ${expected}, got ${got}`,
          );
        }
      }
      expect(done.code).toBe(12);
    }
    expect(await serving.client.counts(['state'])).toEqual([]);
    expect(await serving.stop()).toBe(0);
  });
});
