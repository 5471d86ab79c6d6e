/** The two secrets of a workspace: the admin key of its HTTP door, and the token of its instances. Files of mode 0600. */
import { readFile, writeFile } from 'node:fs/promises';
import { makeKey, parseKey } from '../http/keys.ts';
import { Problem } from '../core/errors.ts';
import type { ReadStore } from '../core/ports/read-store.ts';
import type { Scheduler } from '../core/ports/scheduler.ts';
import { createHash } from 'node:crypto';
import { systemClock } from '../platform/clock.ts';
import { systemRandom } from '../platform/random.ts';

/** The text of a secret file, made where there is none. */
async function secretFile(path: string, make: () => string): Promise<string> {
  try {
    await writeFile(path, `${make()}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return (await readFile(path, 'utf8')).trim();
}

export function instanceToken(path: string): Promise<string> {
  return secretFile(path, () => systemRandom.id(32));
}

/** Makes the admin key at the first start, and puts its hash into the store wherever that lacks it. */
export async function ensureAdminKey(path: string, reads: ReadStore, scheduler: Scheduler): Promise<string> {
  const key = await secretFile(path, () => makeKey('admin', systemRandom).key);
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
