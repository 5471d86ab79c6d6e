/**
 * What a server was started with, as far as jobs meet it: the bytes of its configuration file, and the variables of the
 * environment that this names. It stands in server.json, so that a later command sees that they were changed since. Values are
 * keys, so only salted hashes are written.
 */
import { readFile } from 'node:fs/promises';
import { sha256, sha256Bytes } from '../core/identity.ts';
import type { Config } from './config.ts';
import type { Environment } from './environment.ts';

export interface SettingsTrace {
  /** Null where there was no file. */
  readonly config_sha256: string | null;
  readonly salt: string;
  /** Names of variables, with the hash of each value; null where it was not set. */
  readonly env: Readonly<Record<string, string | null>>;
}

/** Every variable that may say where a model is, or let somebody in. */
export async function traceOfSettings(
  { layout, endpoints, instance }: Config,
  env: Environment,
  salt: string,
): Promise<SettingsTrace> {
  const keys = [...endpoints.values()].flatMap(({ api_key_env }) => api_key_env ?? []);
  const names = new Set([...keys, ...instance.pass_env, 'OLLAMA_HOST']);
  return {
    config_sha256: await hashOfFile(layout.config),
    salt,
    env: Object.fromEntries([...names].map((name) => [name, hashOf(env[name], salt)])),
  };
}

/** What was changed since, in words; null: nothing. A variable that is not set here may well be set for the server. */
export async function changedSince(
  trace: SettingsTrace,
  config_file: string,
  env: Environment,
): Promise<string | null> {
  if ((await hashOfFile(config_file)) !== trace.config_sha256) return 'promptd.config.json';
  for (const [name, before] of Object.entries(trace.env)) {
    const now = hashOf(env[name], trace.salt);
    if (now !== null && now !== before) return name;
  }
  return null;
}

/** Whether a process that was started with this configuration file and environment has what the server of this trace has. */
export function isOfSameSettings(
  trace: SettingsTrace,
  config_sha256: string | null,
  env: Environment,
): boolean {
  return (
    config_sha256 === trace.config_sha256 &&
    Object.entries(trace.env).every(([name, value]) => hashOf(env[name], trace.salt) === value)
  );
}

function hashOf(value: string | undefined, salt: string): string | null {
  return value === undefined || value === '' ? null : sha256(`${salt}\0${value}`);
}

export async function hashOfFile(path: string): Promise<string | null> {
  const bytes = await readFile(path).catch(() => null);
  return bytes === null ? null : sha256Bytes(bytes);
}
