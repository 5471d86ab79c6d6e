/** `GET /jobs/{ref}?with=prompt`: the messages as they were sent, also where scripts make them at each attempt. */
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/core/json.ts';
import { newAttempt, sha256 } from './fake-reads.ts';
import { type Setup, setup } from './setup.ts';

const call = { args: null, pure: false, source_sha256: sha256('source'), inputs: [] };
const RECIPES = {
  script: { kind: 'script', script: { script: 'prompts/ask.py', ...call } },
  template: {
    kind: 'template',
    template: ['{{ a }} {{ b }} {{ c }}'],
    values: {},
    scripts: {
      a: { script: 'prompts/a.py', ...call },
      b: { script: 'prompts/b.py', ...call },
      c: { script: 'prompts/a.py', ...call },
    },
  },
};

/** A server with a job whose prompt is made by scripts. */
async function withRecipe(kind: keyof typeof RECIPES = 'script'): Promise<Setup> {
  const server = await setup();
  await server.submit('a');
  const { id } = server.scheduler.latest('a');
  const spec = server.reads.specs.get(id)!;
  server.reads.specs.set(id, { ...spec, prompt_sha256: put(server, canonicalJson(RECIPES[kind])) });
  return server;
}

function put(server: Setup, body: string): string {
  server.reads.bodies.set(sha256(body), body);
  return sha256(body);
}

/** Attempts of the job, each with the text that its scripts made; null: they made none. */
function attempts(server: Setup, ...texts: readonly (string | null)[]): void {
  const { id } = server.scheduler.latest('a');
  server.reads.attempt_rows.set(
    id,
    texts.map((text, at) => ({
      ...newAttempt(id, at + 1),
      prompt_sha256: text === null ? null : put(server, messages(text)),
    })),
  );
}

const messages = (text: string) => canonicalJson([{ role: 'user', content: text }]);
const made = (text: string, attempt: number) => ({
  prompt: [{ role: 'user', content: text }],
  prompt_made: { scripts: ['prompts/ask.py'], attempt, sha256: sha256(messages(text)) },
});

async function shown(server: Setup, query = ''): Promise<unknown> {
  const { json } = await server.ask(`/jobs/a?with=prompt${query}`);
  return json['with'];
}

describe('the prompt as sent', () => {
  it('R2: of a prompt that was built at acceptance is that, for every attempt', async () => {
    await using server = await setup();
    await server.submit('a');
    const prompt = await shown(server);
    expect(prompt).toEqual({ prompt: expect.any(Array) });
    attempts(server, null, null);
    expect(await shown(server)).toEqual(prompt);
    expect(await shown(server, '&attempt=2')).toEqual(prompt);
  });

  it('R2: is nobody’s yet where scripts make it and no attempt came so far; the scripts are named', async () => {
    await using server = await withRecipe();
    const nothing = { scripts: ['prompts/ask.py'], attempt: null, sha256: null };
    expect(await shown(server)).toEqual({ prompt: null, prompt_made: nothing });
    attempts(server, null);
    expect(await shown(server)).toEqual({ prompt: null, prompt_made: nothing });
    expect(await shown(server, '&attempt=1')).toEqual({
      prompt: null,
      prompt_made: { ...nothing, attempt: 1 },
    });
  });

  it('R2: names each script of a template once', async () => {
    await using server = await withRecipe('template');
    expect(await shown(server)).toMatchObject({ prompt_made: { scripts: ['prompts/a.py', 'prompts/b.py'] } });
  });

  it('R2: is that of the latest attempt that made one, or of the one that is asked for', async () => {
    await using server = await withRecipe();
    attempts(server, 'first', 'second', null);
    expect(await shown(server)).toEqual(made('second', 2));
    expect(await shown(server, '&attempt=1')).toEqual(made('first', 1));
    expect(await server.ask('/jobs/a?with=prompt&attempt=4')).toMatchObject({
      status: 404,
      json: { code: 'NotFound', detail: 'a@1 has had no attempt 4', hint: 'Look with: promptd show a@1' },
    });
    expect((await server.ask('/jobs/a?with=prompt&attempt=0')).status).toBe(400);
  });

  it('R2: is that of the attempt which answered, where a later one made another', async () => {
    await using server = await withRecipe();
    server.scheduler.start('a');
    server.scheduler.finish('a', 'yes');
    attempts(server, 'first', 'second');
    const { id } = server.scheduler.latest('a');
    const result = server.reads.results.get(id)!;
    const meta = { ...result.meta, prompt_sha256: sha256(messages('first')) };
    server.reads.results.set(id, { ...result, attempt: 1, meta });
    expect(await shown(server)).toEqual(made('first', 1));
    expect(await shown(server, '&attempt=2')).toEqual(made('second', 2));
  });
});
