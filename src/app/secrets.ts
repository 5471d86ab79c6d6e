/** Keys of endpoints: from their environment variable, or from a file of mode 0600 that is read again at each call. */
import { open } from 'node:fs/promises';
import type { EndpointConfig } from '../core/endpoints.ts';
import { Problem } from '../core/errors.ts';
import type { Environment } from './environment.ts';

export interface Secrets {
  /** Null where none is configured or set. Rejects with a Problem where a key file may be read by others. */
  keyOf(endpoint: EndpointConfig): Promise<string | null>;
}

export function secretsOf(env: Environment): Secrets {
  return {
    async keyOf(endpoint) {
      if (endpoint.api_key_file !== null) return keyFromFile(endpoint.api_key_file);
      if (endpoint.api_key_env === null) return null;
      const value = env[endpoint.api_key_env]?.trim() ?? '';
      return value === '' ? null : value;
    },
  };
}

async function keyFromFile(path: string): Promise<string | null> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (handle === null) return null;
  try {
    const { mode } = await handle.stat();
    if ((mode & 0o077) !== 0)
      throw new Problem(
        'InvalidConfig',
        `${path} can be read by others: expected mode 0600, got 0${(mode & 0o777).toString(8)}`,
        { hint: `chmod 600 ${path}` },
      );
    const text = (await handle.readFile('utf8')).trim();
    return text === '' ? null : text;
  } finally {
    await handle.close();
  }
}
