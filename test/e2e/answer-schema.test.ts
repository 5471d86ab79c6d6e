/** Answers that must match a schema, and what a platform does not honour: from the file of a job to what its user is told. */
import { expect, it } from 'vitest';
import { setup } from './machine.ts';

const SCHEMA = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
const asked = (prompt: string, more: object = {}): object => ({
  prompt,
  configuration: { LLM_name: 'ollama:test-model', response_schema: SCHEMA, ...more },
});

it('R3: an answer that breaks its schema is asked for again, and one that never matches fails with what came in its log', async () => {
  const machine = await setup();
  machine.model.script('second', [{ pieces: ['{"n": "one"}'] }, { pieces: ['{"n":', ' 2}'] }]);
  machine.model.script('fenced', { pieces: ['```json\n{"n": 3}\n```'] });
  await machine.writeJobs({
    second: asked('second'),
    fenced: { ...asked('fenced'), options: { max_attempts: 1 } },
  });
  const serving = await machine.serve();
  const { code, stdout } = await machine.promptd('run', 'jobs');
  expect(code).toBe(10);
  expect((await serving.client.result('second')).result).toBe('{"n": 2}');
  expect(machine.model.count('second')).toBe(2);
  expect((await serving.client.job('fenced')).reason).toMatchObject({ code: 'SchemaMismatch' });
  expect((await machine.promptd('logs', 'fenced')).stdout).toContain('```json\n{"n": 3}\n```');
  expect(stdout).toMatch(/failed +1 × SchemaMismatch, e\.g\./);
  expect(await serving.stop()).toBe(0);
});

it('R19: a schema that is none is refused at every door, with its line and what is wrong with it', async () => {
  const machine = await setup();
  await machine.writeJobs({ none: asked('none', { response_schema: { type: 'thing' } }) });
  const serving = await machine.serve();
  const ran = await machine.promptd('run', 'jobs');
  const validated = await machine.promptd('validate', 'jobs/none.json');
  for (const { code, stderr, stdout } of [ran, validated]) {
    expect(code).toBe(12);
    expect(`${stdout}${stderr}`).toMatch(/none\.json:\d+:\d+.*configuration\.response_schema/s);
    expect(`${stdout}${stderr}`).toMatch(/expected a JSON Schema.*allowed values/s);
  }
  expect(machine.model.count('none')).toBe(0);
  expect(await serving.stop()).toBe(0);
});

it('R5: what a platform does not honour is counted at the end of a run, and stands in each result', async () => {
  const machine = await setup();
  const configuration = { LLM_name: 'ollama:test-model', made_up: 1 };
  await machine.writeJobs({ a: { prompt: 'a', configuration }, b: { prompt: 'b', configuration } });
  const serving = await machine.serve();
  const { code, stdout } = await machine.promptd('run', 'jobs');
  expect(code).toBe(0);
  const warning = 'made_up was sent, but is no option that Ollama is known to honour.';
  expect(stdout).toMatch(new RegExp(`warning +2 × ${warning.replaceAll('.', '\\.')} e\\.g\\. [ab]`));
  for (const name of ['a', 'b']) expect((await serving.client.result(name)).warnings).toEqual([warning]);
  expect(await serving.stop()).toBe(0);
});
