/** What commands say of answers that were adopted. */
import { expect, test } from 'vitest';
import { sendJson } from '../client/scripted-server.ts';
import { setup } from './cli-setup.ts';

const SHOWN = {
  name: 'old',
  run: 1,
  state: 'completed',
  reason: null,
  shared_with: null,
  live: null,
  endpoint: 'ollama',
  model: 'm',
  batch: null,
  key: null,
  digest: '1:00',
  options: { priority: 0, attempt_timeout_ms: 600_000, max_attempts: 4, run_at: null, tags: [] },
  submitted_at: '2026-11-22T10:00:00Z',
  started_at: null,
  finished_at: '2023-11-14T10:00:00Z',
  with: { attempts: [], runs: [] },
};

test('R8: show says of an adopted answer where it is from, and that it ended elsewhere', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'old', state: 'completed' });
  const adopted = { file: 'results/1700000000000_old.json', unverified: false };
  cli.fake.server.on('GET /jobs/old', (_asked, response) => sendJson(response, { ...SHOWN, adopted }));
  const { stdout } = await cli.run(['show', 'old']);
  expect(stdout).toContain(
    'adopted     its answer is that of results/1700000000000_old.json: asked elsewhere, or before the database was made again\n',
  );
  expect(stdout).toMatch(/^finished    2023-11-14 .* \(elsewhere, before it was known here\)$/m);
  expect(stdout).not.toContain('unverified');
  expect((await cli.run(['why', 'old'])).stdout).toBe(
    'old completed: It has its answer.\nIt was asked elsewhere, or before the database was made again: results/1700000000000_old.json\n',
  );
});

test('R8: show and why say of an adopted answer without a hash that nobody can verify it', async () => {
  await using cli = await setup();
  cli.fake.has({ name: 'old', state: 'completed' });
  const adopted = { file: 'results/1700000000000_old.json', unverified: true };
  cli.fake.server.on('GET /jobs/old', (_asked, response) => sendJson(response, { ...SHOWN, adopted }));
  const sentence = 'That file carried no hash when it was taken, so nobody can say whether it was changed.\n';
  expect((await cli.run(['show', 'old'])).stdout).toContain(`unverified  ${sentence}`);
  expect((await cli.run(['why', 'old'])).stdout).toContain(`.json. ${sentence}`);
  expect(JSON.parse((await cli.run(['why', 'old', '--json'])).stdout)).toMatchObject({ adopted });
});
