/** `serve` and answers that others put into `results/` and `ended/`: nothing is asked that stands there. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Machine, setup } from './machine.ts';
import { until } from '../support/until.ts';

const WATCHING = { config: { watch: { enabled: true } } };

function jobText(prompt: string): string {
  return JSON.stringify({ prompt, configuration: { LLM_name: 'ollama:test-model' } });
}

/** Made elsewhere, and moved in. */
function drop(machine: Machine, folder: 'jobs' | 'results' | 'ended', name: string, content: string): void {
  mkdirSync(machine.path(folder), { recursive: true });
  writeFileSync(machine.path(`${name}.tmp`), content);
  renameSync(machine.path(`${name}.tmp`), machine.path(folder, name));
}

function pair(name: string, result: string): string {
  return JSON.stringify({ job: `${name}.json`, result });
}

async function completed(machine: Machine, name: string): Promise<void> {
  const client = machine.client();
  await until(`${name} to be completed`, async () => {
    const run = await client.job(name).catch(() => null);
    return run?.state === 'completed';
  });
}

describe('an answer in results/', () => {
  it('R8 R9: that came before its job is the answer of it, and nobody is asked', async () => {
    const machine = await setup(WATCHING);
    await machine.serve();
    drop(machine, 'results', '1700000000000_early.json', pair('early', 'written by hand'));
    drop(machine, 'jobs', 'early.json', jobText('early?'));
    await completed(machine, 'early');
    const { result } = await machine.client().result('early');
    expect(result).toBe('written by hand');
    expect(machine.model.count('early?')).toBe(0);
    expect(await machine.files('results')).toEqual(['1700000000000_early.json']);
  });
});
