/** How the process of an attempt is started, and what it finds in its environment. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EndpointConfig } from '../core/endpoints.ts';
import type { ChildSpec } from '../core/ports/children.ts';
import type { Environment } from './environment.ts';

const MAIN = fileURLToPath(new URL(`./attempt-child${extname(import.meta.url)}`, import.meta.url));
/** They open the doors of the server, and an attempt has nothing to do there. */
const OF_THE_SERVER: readonly string[] = ['PROMPTD_INSTANCE_TOKEN', 'PROMPTD_KEY'];

export interface AttemptChildOptions {
  readonly env: Environment;
  readonly endpoints: ReadonlyMap<string, EndpointConfig>;
  readonly pass_env: readonly string[];
}

/**
 * It is promptd itself that runs there, so it finds what the instance does (proxies, certificates), and the key of its own
 * endpoint, but not the keys of others. Keys never stand in arguments, which everybody on the machine can read.
 */
export function attemptChildSpec(
  { env, endpoints, pass_env }: AttemptChildOptions,
  endpoint: EndpointConfig,
): Pick<ChildSpec, 'argv' | 'env'> {
  const keys = [...endpoints.values()].flatMap(({ api_key_env }) => api_key_env ?? []);
  const withheld = new Set([...keys, ...OF_THE_SERVER]);
  for (const name of [...pass_env, endpoint.api_key_env ?? '']) withheld.delete(name);
  const given = Object.entries(env).flatMap(([name, value]) =>
    value === undefined || withheld.has(name) ? [] : [[name, value] as const],
  );
  return { argv: [process.execPath, MAIN], env: Object.fromEntries(given) };
}
