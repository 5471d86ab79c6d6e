import { describe, expect, it } from 'vitest';
import { setup } from './machine.ts';
import { until } from '../support/until.ts';
import { needsStrace, watchCalls, type Call } from './strace.ts';

const OF_FILES = ['openat', 'write', 'pwrite64', 'fchmod', 'fsync', 'fdatasync'];
const OF_NAMES = ['link', 'linkat', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat'];
const JOB = { name: 'traced', prompt: 'hello', configuration: { LLM_name: 'ollama:test-model' } };

function find(calls: readonly Call[], name: RegExp, ...parts: readonly string[]): Call {
  const found = calls.find((call) => name.test(call.name) && parts.every((part) => call.text.includes(part)));
  if (found === undefined) throw new Error(`no ${String(name)} with ${parts.join(' and ')} was called`);
  return found;
}

/** Each began when the one before it had ended. */
function expectInOrder(...calls: readonly Call[]): void {
  for (const [i, call] of calls.entries()) {
    const before = calls[i - 1];
    if (before !== undefined) expect(`${before.ended < call.began} ${call.text}`).toBe(`true ${call.text}`);
  }
}

describe('the system calls behind an answer', () => {
  it('R8: a file is written beside, made read-only, fsynced, linked to its name, and its folder fsynced', async (ctx) => {
    needsStrace(ctx);
    const machine = await setup();
    const { client, process } = await machine.serve();
    const tracer = await watchCalls(process.pid ?? 0, [...OF_FILES, ...OF_NAMES]);
    await client.submit(JOB);
    await until('the file to be told of', async () => {
      const { unpublished, states } = await client.stats();
      return unpublished === 0 && states.completed === 1;
    });
    const calls = await tracer.end();
    const [file] = await machine.files('results');
    if (file === undefined) throw new Error('no result stands in results/');
    const final = machine.path('results', file);
    const link = find(calls, /^link/, `"${final}"`);
    const temporary = /publish-[0-9a-f]{16}\.tmp/.exec(link.text)?.[0] ?? 'none';
    expect(link.text).toContain(`"${machine.path('.promptd', 'tmp', temporary)}"`);
    expectInOrder(
      find(calls, /^openat$/, temporary, 'O_CREAT|O_EXCL'),
      find(calls, /^write$/, temporary),
      find(calls, /^fchmod$/, temporary, '0444'),
      find(calls, /^fsync$/, temporary),
      link,
      find(calls, /^fsync$/, `<${machine.path('results')}>`),
    );
    // The row was on disk before the file was begun, and nothing ever takes the place of a file.
    const commits = calls.filter(
      (call) => /^fsync|^fdatasync/.test(call.name) && call.text.includes('queue.db-wal'),
    );
    const begun = find(calls, /^openat$/, temporary);
    expect(commits.some((commit) => commit.ended < begun.began)).toBe(true);
    expect(calls.filter((call) => call.name.startsWith('rename'))).toEqual([]);
    expect(calls.filter((call) => call.text.includes(`<${final}>`))).toEqual([]);
  });

  it('R8: an outcome is fsynced on its instance, name and bytes, before it is sent', async (ctx) => {
    needsStrace(ctx);
    const machine = await setup();
    const { client } = await machine.serve();
    const [pid] = await machine.localInstances();
    const tracer = await watchCalls(pid ?? 0, [...OF_FILES, 'writev', 'sendto', 'sendmsg']);
    await client.submit(JOB);
    await until('the answer', async () => (await client.job(JOB.name)).state === 'completed');
    const calls = await tracer.end();
    expectInOrder(
      find(calls, /^openat$/, '.spool', 'O_CREAT'),
      find(calls, /^fsync$/, `<${machine.path('.promptd', 'spool')}>`),
      find(calls, /^pwrite64$/, '.spool>'),
      find(calls, /^f(data)?sync$/, '.spool>'),
      find(calls, /^(write|writev|sendto|sendmsg)$/, '<socket:', 'outcome'),
    );
  });

  it('R26: a submission is answered after the fsync of its commit', async (ctx) => {
    needsStrace(ctx);
    const machine = await setup();
    const { client, process } = await machine.serve();
    const tracer = await watchCalls(process.pid ?? 0, [...OF_FILES, 'writev', 'sendto', 'sendmsg']);
    await client.submit({ ...JOB, prompt: 'something long enough to know again' });
    const calls = await tracer.end();
    expectInOrder(
      find(calls, /^pwrite64$/, 'queue.db-wal>'),
      find(calls, /^f(data)?sync$/, 'queue.db-wal>'),
      find(calls, /^(write|writev|sendto|sendmsg)$/, '<socket:', 'HTTP/1.1 201'),
    );
  });
});
