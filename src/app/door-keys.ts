/** The two secrets of a workspace: the admin key of its HTTP door, and the token of its instances. Files of mode 0600. */
import { dirname } from 'node:path';
import { makeKey, parseKey } from '../http/keys.ts';
import { Problem } from '../core/errors.ts';
import type { Files } from '../core/ports/files.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import type { Scheduler } from '../core/ports/scheduler.ts';
import { createHash } from 'node:crypto';
import { systemClock } from '../platform/clock.ts';
import { systemFiles } from '../platform/files.ts';
import { systemRandom } from '../platform/random.ts';

/**
 * The text of a secret file, made where there is none: whole and on disk before it has its name, since half a secret, or an
 * empty one, would be taken for the secret from then on.
 */
async function secretFile(path: string, make: () => string, files: Files): Promise<string> {
  const found = await files.read(path);
  if (found !== null) return textOf(found);
  const temporary = `${path}.${systemRandom.id(8)}`;
  try {
    await files.writeNew(temporary, Buffer.from(`${make()}\n`), 0o600);
    await files.link(temporary, path);
  } catch (error) {
    // Another process of this workspace was faster; its secret is as good.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await files.unlink(temporary).catch(() => undefined);
  }
  await files.syncDirectory(dirname(path));
  const made = await files.read(path);
  return made === null ? '' : textOf(made);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8').trim();
}

/** What instances of this workspace show. Rejects with Problem InvalidConfig where the file is empty: that would let in anybody. */
export async function instanceToken(path: string, files: Files = systemFiles): Promise<string> {
  const token = await secretFile(path, () => systemRandom.id(32), files);
  if (token !== '') return token;
  throw new Problem('InvalidConfig', `${path} is empty`, {
    hint: 'Move it away; the next start makes a new one, which instances elsewhere then need.',
  });
}

/** Makes the admin key at the first start, and puts its hash into the store wherever that lacks it. */
export async function ensureAdminKey(
  path: string,
  reads: Pick<ReadStore, 'key'>,
  scheduler: Pick<Scheduler, 'putKey'>,
  files: Files = systemFiles,
): Promise<string> {
  const key = await secretFile(path, () => makeKey('admin', systemRandom).key, files);
  const parsed = parseKey(key);
  if (parsed === null || parsed.scope !== 'admin') {
    throw new Problem('InvalidConfig', `${path} holds no admin key`, {
      hint: 'Move it away; the next start makes a new one.',
    });
  }
  if (reads.key(parsed.id) === null) {
    await scheduler.putKey({
      id: parsed.id,
      name: 'admin',
      sha256: createHash('sha256').update(key).digest('hex'),
      scopes: ['admin'],
      created_at: systemClock.now(),
      expires_at: null,
      revoked_at: null,
    });
  }
  return key;
}
