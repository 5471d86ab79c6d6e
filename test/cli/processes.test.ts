/** Commands that make and start something. */
import { expect, test } from 'vitest';
import { setup } from './cli-setup.ts';

test('env prints what eval takes', async () => {
  await using cli = await setup();
  expect((await cli.run(['env'])).stdout).toBe(
    'export PROMPTD_URL=http://127.0.0.1:7433 PROMPTD_KEY=pd_admin_x\n',
  );
  expect(JSON.parse((await cli.run(['env', '--json'])).stdout)).toEqual({
    PROMPTD_URL: 'http://127.0.0.1:7433',
    PROMPTD_KEY: 'pd_admin_x',
  });
});

test('init says what was made, what was kept and what to do next', async () => {
  await using cli = await setup();
  const report = {
    root: `${cli.folder}/q`,
    written: ['promptd.config.json'],
    kept: ['.gitignore'],
    model: 'simulator:demo',
    simulated: true,
    notes: ['No Ollama answered. The example asks the simulator, a stand-in that answers without a model.'],
  };
  const { stdout, stderr } = await cli.run(['init', 'q'], { deps: { init: () => Promise.resolve(report) } });
  expect(stdout).toBe('');
  expect(stderr).toBe(`A workspace of promptd in q
  made  promptd.config.json
  kept  .gitignore (it was there)
No Ollama answered. The example asks the simulator, a stand-in that answers without a model.
Next: cd q && promptd run
`);
});

test('serve and instance hand over what was said, checked', async () => {
  await using cli = await setup();
  let served: unknown;
  let joined: unknown;
  const deps = {
    serve: (options: unknown) => Promise.resolve(((served = options), 0)),
    instance: (options: unknown) => Promise.resolve(((joined = options), 3)),
  };
  await cli.run(['serve', '--port', '7500', '--slots', '0'], { deps });
  expect(served).toEqual({ workspace: cli.workspace, detached: false, port: 7500, slots: 0 });
  const { code } = await cli.run(['instance', '--connect', 'gpu1:7434', '--endpoints', 'gpu, ollama'], {
    deps,
  });
  expect(joined).toEqual({ connect: 'gpu1:7434', workspace: cli.workspace, endpoints: ['gpu', 'ollama'] });
  expect(code).toBe(3);
  expect((await cli.run(['serve', '--port', 'x'], { deps })).stderr).toContain(
    '--port: expected a whole number from 0 to 65535, got "x".',
  );
  expect((await cli.run(['instance'], { deps })).stderr).toContain('--connect: expected host:port');
});
