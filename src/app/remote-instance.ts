/** `promptd instance --connect host:port`: an instance anywhere. */
import { hostname, homedir } from 'node:os';
import { join } from 'node:path';
import type { InstanceOptions } from '../cli/deps.ts';
import { Problem } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { loadConfig } from './config.ts';
import { type Environment } from './environment.ts';
import { runInstance, SPOOL_HELD, tokenFrom } from './instance-process.ts';
import { version } from './version.ts';

export async function runRemoteInstance(options: InstanceOptions, env: Environment): Promise<number> {
  const { host, port } = parseAddress(options.connect);
  const home =
    options.workspace?.root ?? join(env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'promptd');
  const config = await loadConfig(home, env);
  const name = options.name ?? instanceName();
  const endpoints = chosen(config.endpoints, options.endpoints);
  const token = await tokenFrom(env, options.workspace === null ? null : config.layout.instance_token);
  const spool_dir = join(config.layout.state, `spool-${name}`);
  const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  say(
    `promptd ${version()} instance "${name}": ${[...endpoints.keys()].join(', ')}, ${options.slots ?? config.instance.slots} slots`,
  );
  const code = await runInstance({
    name,
    slots: options.slots ?? config.instance.slots,
    endpoints,
    spool_dir,
    root: options.workspace?.root ?? null,
    allow_exec: config.instance.allow_exec,
    isolation: options.isolation ?? config.instance.isolation,
    pass_env: config.instance.pass_env,
    version: version(),
    locate: () => Promise.resolve({ host, port }),
    token: () => Promise.resolve(token),
    orphan_ttl_ms: null,
    on(event) {
      if (event.type === 'connected') say(`Connected to ${event.peer} as instance ${event.id}.`);
      else if (event.type === 'disconnected' && event.retry_ms !== null)
        say(
          `Not connected: ${event.reason.replace(/\.$/, '')}. Next try in ${(event.retry_ms / 1000).toFixed(1)} s.`,
        );
      else if (event.type === 'ended') say(event.message);
      else if (event.type === 'spool_blocked') say(event.message);
    },
  });
  if (code === SPOOL_HELD)
    throw new Problem(
      'WorkspaceHeld',
      `Another instance named "${name}" runs on this machine (${spool_dir} is held)`,
      { hint: 'Give this one another --name.' },
    );
  return code;
}

function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? LIMITS.instances_port : Number(match[3]);
  if (host === undefined || port > 65_535)
    throw new Problem('InvalidRequest', `--connect: expected host:port, got "${text}"`);
  return { host, port };
}

function chosen<T>(
  all: ReadonlyMap<string, T>,
  names: readonly string[] | undefined,
): ReadonlyMap<string, T> {
  if (names === undefined || names.length === 0) return all;
  return new Map(
    names.map((name) => {
      const one = all.get(name);
      if (one === undefined)
        throw new Problem(
          'UnknownEndpoint',
          `--endpoints: expected some of ${[...all.keys()].join(', ')}, got "${name}"`,
        );
      return [name, one];
    }),
  );
}

function instanceName(): string {
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '') || 'instance'
  );
}
