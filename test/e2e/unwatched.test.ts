/** Files in `jobs/` that nothing takes by itself: what a person sees who drops one and asks for it. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { endServerOf, type Machine, setup } from './machine.ts';

function text(prompt: string): string {
  return JSON.stringify({ prompt, configuration: { LLM_name: 'ollama:test-model' } });
}

function drop(machine: Machine, name: string, content: string): void {
  mkdirSync(machine.path('jobs'), { recursive: true });
  writeFileSync(machine.path(`${name}.tmp`), content);
  renameSync(machine.path(`${name}.tmp`), machine.path('jobs', name));
}

const WATCHING = { config: { watch: { enabled: true } } };
const NOT_WATCHED = 'this server does not watch the folder.';

describe('files in jobs/ that nothing takes by itself', () => {
  it('R14: are counted by ls, why and status of a server in the background, until promptd run asks them', async () => {
    const machine = await setup(WATCHING);
    machine.onFinished(() => endServerOf(machine.root));
    drop(machine, 'faq.json', text('one'));
    drop(machine, 'lot.jsonl', `${JSON.stringify({ key: 'x', ...JSON.parse(text('two')) })}\n`);
    for (const command of ['ls', 'why', 'status']) {
      const { code, stdout, stderr } = await machine.promptd(command);
      expect({ command, code }).toEqual({ command, code: 0 });
      expect(stderr).toContain(`2 files in jobs/ are by their names new to the queue, and ${NOT_WATCHED}`);
      expect(stderr).toContain('promptd run; or have files taken by themselves: promptd serve');
      expect(stdout).not.toContain('by their names');
    }
    const stats = (await machine.client().stats()).folder;
    expect(stats).toMatchObject({ watched: false, enabled: true, waiting: 2 });
    for (const command of ['why', 'show', 'logs', 'result']) {
      const { code, stdout, stderr } = await machine.promptd(command, 'faq');
      expect({ command, code, stdout }).toEqual({ command, code: 3, stdout: '' });
      expect(stderr).toContain(`jobs/faq.json stands there and is not asked: ${NOT_WATCHED}`);
      expect(stderr).toContain('promptd run jobs/faq.json');
    }
    expect((await machine.promptd('why', 'lot.x')).stderr).toContain('jobs/lot.jsonl stands there');
    expect(machine.model.count('one')).toBe(0);
    expect((await machine.promptd('run')).code).toBe(0);
    expect((await machine.promptd('ls')).stderr).toBe('');
    expect((await machine.promptd('why', 'faq')).stdout).toContain('faq completed');
  });

  it('R14: are not said to be taken by promptd serve where watching is off', async () => {
    const machine = await setup();
    await machine.serve();
    drop(machine, 'faq.json', text('one'));
    expect((await machine.promptd('ls')).stderr).toContain('"watch" is off in the configuration');
    const { code, stderr } = await machine.promptd('why', 'faq');
    expect(code).toBe(3);
    expect(stderr).toContain('promptd run jobs/faq.json ("watch" is off in the configuration)');
    expect(stderr).not.toContain('promptd serve');
  });

  it('R14: say that they were rejected, by the report of whoever watched, until they are mended', async () => {
    const machine = await setup(WATCHING);
    const { client, stop } = await machine.serve();
    drop(machine, 'bad.json', '{"prompt": "x", "configuration": {"LLM_name": "test-model", "sed": 1}}');
    await until('it to be rejected', async () => (await client.folder()).counts.rejected === 1);
    const watched = await machine.promptd('why', 'bad');
    expect(watched.code).toBe(3);
    expect(watched.stderr).toContain('jobs/bad.json:1:61: configuration.sed: expected a known parameter');
    await stop();
    machine.onFinished(() => endServerOf(machine.root));
    const [report = ''] = await machine.files('rejected');
    expect((await machine.promptd('show', 'bad')).stderr).toContain(
      `jobs/bad.json stands there and was rejected; rejected/${report} says why. Mend it, then: promptd run jobs/bad.json`,
    );
    drop(machine, 'bad.json', text('mended'));
    expect((await machine.promptd('show', 'bad')).stderr).toContain(
      'jobs/bad.json stands there and is not asked',
    );
  });

  it('R14: are said to wait, or to be taken under another name, by a server that watches', async () => {
    const machine = await setup(WATCHING);
    const { client } = await machine.serve();
    drop(machine, 'half.json', '{"prompt": "x", ');
    await until('it to be seen', async () => (await client.folder()).counts.waiting === 1);
    expect((await machine.promptd('why', 'half')).stderr).toContain(
      'jobs/half.json stands there, and waits: it is new or not complete',
    );
    drop(machine, 'a.json', JSON.stringify({ name: 'b', ...JSON.parse(text('one')) }));
    await until('it to be answered', async () => (await client.stats()).states.completed === 1);
    expect((await machine.promptd('why', 'a')).stderr).toContain(
      'jobs/a.json was taken: what stands in it is called otherwise',
    );
    expect((await machine.promptd('ls')).stderr).toBe('');
  });
});
