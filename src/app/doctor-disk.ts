/** What `promptd doctor` says of the folders of a workspace and of the disks they lie on. */
import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { Finding } from '../core/examination.ts';
import { splitResultFileName } from '../core/names.ts';
import { systemFiles } from '../platform/files.ts';
import { systemFolderNames } from '../platform/folder-names.ts';
import { systemRandom } from '../platform/random.ts';
import { hasCode } from '../workspace/system-error.ts';
import { LIMITS } from '../core/limits.ts';
import type { WorkspaceLayout } from '../workspace/layout.ts';

/** File systems on which a database with a log in shared memory does not work; magic numbers of statfs(2). */
const REMOTE: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x01021997, '9p'],
]);
const FUSE = 0x65735546;
const TMPFS = 0x01021994;

async function standing(paths: readonly string[]): Promise<string[]> {
  const facts = await Promise.all(paths.map((path) => systemFiles.facts(path)));
  return paths.filter((_path, at) => facts[at] !== null);
}

export async function* examineDisks({
  root,
  jobs,
  results,
  ended,
  state,
}: WorkspaceLayout): AsyncGenerator<Finding> {
  const folders = await standing([root, jobs, results, ended, state]);
  const devices = new Map<number, string>();
  for (const folder of folders) devices.set((await stat(folder)).dev, folder);
  const [one, other] = devices.values();
  if (one !== undefined && other !== undefined) {
    const message = `${one} and ${other} lie on two`;
    const advice =
      'Files are linked from one to the other: put the whole workspace and its state_dir on one disk.';
    yield { what: 'one disk', verdict: 'wrong', message, advice };
  } else yield { what: 'one disk', verdict: 'ok', message: root };
  yield localDisk(state, (await statfs(folders.at(-1) ?? root)).type);
}

function localDisk(state: string, type: number): Finding {
  const what = 'local disk';
  // The kernel gives 32 bits, which some systems read as signed.
  const magic = type >>> 0;
  const remote = REMOTE.get(magic);
  if (remote !== undefined) {
    const message = `${state} lies on ${remote}, where databases break`;
    return {
      what,
      verdict: 'wrong',
      message,
      advice: 'Put "state_dir", or the workspace, on a disk of this machine.',
    };
  }
  if (magic === FUSE) {
    const message = `${state} lies on a file system of a program (FUSE)`;
    return {
      what,
      verdict: 'warning',
      message,
      advice: 'Only a disk of this machine keeps what was flushed to it.',
    };
  }
  if (magic === TMPFS) {
    const message = `${state} lies in memory (tmpfs)`;
    return { what, verdict: 'warning', message, advice: 'All of it is gone when the machine restarts.' };
  }
  return { what, verdict: 'ok', message: state };
}

/** A file is written, flushed and linked as the publisher does it. */
export async function examineLinks({
  root,
  state,
  tmp,
  jobs,
  results,
  ended,
}: WorkspaceLayout): Promise<Finding> {
  const what = 'hard links and fsync';
  const name = `.promptd-${systemRandom.id(8)}`;
  const [from = root] = await standing([tmp, state]);
  const file = join(from, name);
  const links = (await standing([jobs, results, ended])).map((folder) => join(folder, `${name}-link`));
  try {
    await systemFiles.writeNew(file, Buffer.from('Whether files can be linked here.\n'), 0o600);
    for (const link of links) {
      await systemFiles.link(file, link);
      await systemFiles.unlink(link);
    }
    await systemFiles.syncDirectory(from);
    return { what, verdict: 'ok', message: `from ${from} into ${links.length} folders` };
  } catch (error) {
    return { what, verdict: 'wrong', message: messageOf(error), advice: adviceFor(error) };
  } finally {
    await systemFiles.unlink(file).catch(() => undefined);
  }
}

function adviceFor(error: unknown): string {
  if (hasCode(error, 'ENOSPC'))
    return 'Free some disk space; where there is some, inodes are used up: df -i shows how many are left.';
  if (hasCode(error, 'EDQUOT')) return 'Free some space: the quota of this user is used up.';
  if (hasCode(error, 'EACCES')) return 'Let this user write to that folder: look at its owner and its mode.';
  return 'The workspace needs a disk with hard links that this user may write to (ext4, xfs, btrfs, APFS; not FAT).';
}

/** Prompts and keys are this user's own. */
export async function* examineModes({
  state,
  admin_key,
  instance_token,
}: WorkspaceLayout): AsyncGenerator<Finding> {
  for (const [path, mode] of [
    [state, 0o700],
    [admin_key, 0o600],
    [instance_token, 0o600],
  ] as const) {
    const facts = await systemFiles.facts(path);
    if (facts === null) continue;
    const got = `0${(facts.mode & 0o777).toString(8)}`;
    const message = `${path} ${got}`;
    if ((facts.mode & 0o077) === 0) yield { what: 'permissions', verdict: 'ok', message };
    else
      yield {
        what: 'permissions',
        verdict: 'wrong',
        message: `${message}: others may look into it`,
        advice: `chmod ${mode.toString(8)} ${path}`,
      };
  }
}

/** Results are ordered by time: a clock that went back gives new ones the old time and one more. */
export async function examineClock({ results }: WorkspaceLayout): Promise<Finding> {
  const now = Date.now();
  let last = 0;
  for await (const name of systemFolderNames(results))
    last = Math.max(last, splitResultFileName(name)?.epoch ?? 0);
  const message = new Date(now).toISOString();
  if (last <= now) return { what: 'clock', verdict: 'ok', message };
  return {
    what: 'clock',
    verdict: 'warning',
    message: `${message}, which is before the newest result (${new Date(Math.min(last, 8.64e15)).toISOString()})`,
    advice: 'Set the clock, or look where that result came from; epochs go on from the greatest of a name.',
  };
}

/** `free_min_bytes`: null where the configuration does not say, since it cannot be read. */
export async function examineSpace(
  { root, state }: WorkspaceLayout,
  free_min_bytes: number | null,
): Promise<Finding> {
  const [folder = root] = await standing([state]);
  const free = await systemFiles.freeBytes(folder);
  const floor = free_min_bytes ?? LIMITS.disk_free_min_bytes;
  const message = `${mib(free)} free; new work is taken from ${mib(floor)} on`;
  if (free < floor)
    return { what: 'space', verdict: 'wrong', message, advice: 'Free some space: new work is refused.' };
  if (free < 2 * floor)
    return { what: 'space', verdict: 'warning', message, advice: 'Free some space soon.' };
  return { what: 'space', verdict: 'ok', message };
}

function mib(bytes: number): string {
  return `${Math.floor(bytes / 1024 ** 2)} MiB`;
}
