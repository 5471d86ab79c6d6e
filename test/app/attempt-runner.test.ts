// The runner as an instance has it, with a script that is under way when something ends it.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownRunner, type OwnedRunner } from '../../src/app/attempt-runner.ts';
import { endpointOf, orderOf, watched } from '../executor/attempts.ts';
import { environmentOf, livingGroup, parentOf } from '../executor/child-processes.ts';
import { until } from '../support/until.ts';

const SLEEPS = '#!/bin/sh\necho $$ >&2\nexec sleep 1000\n';

const JOB = {
  ...{ name: 'faq-17', run: 2, batch: null, key: null, metadata: null, type: 'llm' },
  ...{ prompt: { script: 'prompts/make.sh' }, configuration: {} },
};

let root = '';
let own: OwnedRunner;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'promptd-runner-'));
  mkdirSync(path.join(root, 'prompts'));
  writeFileSync(path.join(root, 'prompts', 'make.sh'), SLEEPS, { mode: 0o755 });
  const endpoints = new Map([['sim', endpointOf({ name: 'sim', kind: 'simulator', base_urls: [] })]]);
  own = ownRunner({ endpoints, env: process.env, root, allow_exec: false, pass_env: [] });
});
afterEach(async () => {
  await own.close();
  rmSync(root, { recursive: true });
});

/** Resolves when the script of an attempt runs. */
async function start() {
  const source_sha256 = createHash('sha256').update(SLEEPS).digest('hex');
  const script = { script: 'prompts/make.sh', args: null, pure: true, source_sha256, inputs: [] };
  const seen = watched();
  const stop = new AbortController();
  const order = orderOf({ endpoint: 'sim', messages: [], job: JOB, recipe: { kind: 'script', script } });
  const report = own.runner.run({ ...order, attempt_timeout_ms: 60_000 }, seen.observer, stop.signal);
  const said = () => seen.log.find((line) => line.startsWith('stderr: '));
  await Promise.race([
    until('the script', () => said() !== undefined),
    report.then((ended) => {
      throw new Error(`it ended: ${JSON.stringify(ended)}`);
    }),
  ]);
  const pid = Number(said()?.slice('stderr: '.length));
  expect(livingGroup(pid)).toHaveLength(1);
  return { report, pid, abort: (reason: string) => stop.abort(reason) };
}

describe('a script that is under way', () => {
  it('G12: is dead when its attempt was cancelled', async () => {
    const { report, pid, abort } = await start();
    abort('cancelled');
    expect(await report).toMatchObject({ outcome: 'cancelled', failure: null });
    expect(livingGroup(pid)).toEqual([]);
  });

  it('is a failure where somebody killed it, and is tried again', async () => {
    const { report, pid } = await start();
    process.kill(pid, 'SIGKILL');
    expect(await report).toMatchObject({
      outcome: 'errored',
      failure: { blame: 'transient', reason_code: 'ScriptFailed' },
    });
  });

  it('G18: is no failure where it was killed while its instance ends', async () => {
    const { report, pid } = await start();
    own.drain();
    process.kill(pid, 'SIGTERM');
    expect(await report).toMatchObject({ outcome: 'interrupted', failure: null });
  });

  it('G18: ends with the runner, and so does the guard', async () => {
    const { report, pid } = await start();
    const guard = parentOf(pid);
    await own.close();
    expect(livingGroup(pid)).toEqual([]);
    expect(environmentOf(guard)).toBe('');
    expect(await report).toMatchObject({ outcome: 'interrupted', failure: null });
  });
});
