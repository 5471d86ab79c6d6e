/** What `.promptd/server.json` is believed: a pid says something only of processes that one can see. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isSameBoot, machineId } from '../../src/app/machine-id.ts';
import {
  isOwn,
  isServerGone,
  isVisible,
  readServerFile,
  removeServerFile,
  type ServerFile,
  writeServerFile,
} from '../../src/app/server-info.ts';

const [boot = '', namespace = ''] = machineId().split(' ');
const OTHER_CONTAINER = `${boot} pid:[1]`;
const EARLIER_BOOT = `00000000-0000-4000-8000-000000000000 ${namespace}`;

function serverOf(more: Partial<ServerFile>): ServerFile {
  return {
    pid: process.pid,
    machine: machineId(),
    url: 'http://127.0.0.1:7433',
    socket: '/w/.promptd/http.sock',
    instances: { host: '127.0.0.1', port: 7434 },
    store_id: 's',
    version: '0.1.0',
    detached: true,
    started_at: 0,
    settings: { config_sha256: null, salt: '', env: {} },
    ...more,
  };
}

function deadPid(): number {
  return spawnSync('true').pid;
}

async function fileOfTest(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promptd-test-'));
  onTestFinished(async () => rm(folder, { recursive: true }));
  return path.join(folder, 'server.json');
}

describe.skipIf(machineId() === hostname())('a server that another process told of', () => {
  it('is gone where its process is, and not where that lives', () => {
    expect(isServerGone(serverOf({}))).toBe(false);
    expect(isServerGone(serverOf({ pid: deadPid() }))).toBe(true);
  });

  it('may live in another container, whatever is called so here; its pid is nobody to signal', () => {
    for (const pid of [process.pid, deadPid()]) {
      const server = serverOf({ pid, machine: OTHER_CONTAINER });
      expect([isServerGone(server), isVisible(server), isOwn(server)]).toEqual([false, false, false]);
    }
  });

  it('is gone since the machine was started again, whatever is called so now', () => {
    const server = serverOf({ machine: EARLIER_BOOT });
    expect([isServerGone(server), isVisible(server)]).toEqual([true, false]);
    expect(isSameBoot(machineId(), OTHER_CONTAINER)).toBe(true);
  });
});

describe('the file of a server', () => {
  it('is removed by the one that wrote it alone', async () => {
    const file = await fileOfTest();
    for (const other of [{ machine: OTHER_CONTAINER }, { pid: deadPid() }]) {
      await writeServerFile(file, serverOf(other));
      await removeServerFile(file);
      expect(await readServerFile(file)).toMatchObject(other);
    }
    await writeServerFile(file, serverOf({}));
    await removeServerFile(file);
    expect(await readServerFile(file)).toBeNull();
  });

  it('of an earlier version is of this machine', async () => {
    const file = await fileOfTest();
    await writeServerFile(file, serverOf({}));
    const { machine: _machine, ...rest } = JSON.parse(await readFile(file, 'utf8')) as ServerFile;
    await writeFile(file, JSON.stringify(rest));
    expect(await readServerFile(file)).toMatchObject({ machine: machineId() });
  });
});
