// Jobs of type command run programs: over TCP they are taken from admin keys alone.
import { expect, it } from 'vitest';
import { createPrepare } from '../../src/prompt/prepare.ts';
import { setup } from './setup.ts';

const prepare = createPrepare({
  endpoints: new Map([['shell', { name: 'shell', kind: 'command' as const }]]),
  default_endpoint: null,
  links: null,
});
const job = { name: 'count', type: 'command', prompt: 'one two', configuration: { argv: ['wc', '-w'] } };

it('R5: a job of type command comes over the own socket, or with an admin key', async () => {
  await using made = await setup({ prepare });
  const { port } = await made.server.listenTcp({ host: '127.0.0.1', port: 0 });
  const answers = {
    socket: await made.post('/jobs', job),
    admin: await made.post('/jobs', { ...job, name: 'count-2' }, { port, key: made.key('admin') }),
    submit: await made.post('/jobs', { ...job, name: 'count-3' }, { port, key: made.key('submit') }),
  };
  expect(answers.socket.status, answers.socket.text + JSON.stringify(made.lines)).toBe(201);
  expect(answers.admin.status).toBe(201);
  expect(answers.submit.status).toBe(403);
  expect(answers.submit.json).toMatchObject({
    code: 'ExecOff',
    errors: [{ path: 'type', hint: expect.stringContaining('admin key') }],
  });
  expect(made.reads.run('count-3', null)).toBeNull();
});
