/**
 * The effective configuration: flags, then environment, then file, then defaults; parsed once and frozen.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Price, Prices } from '../core/cost.ts';
import { parseDuration } from '../core/durations.ts';
import { SERVERLESS, VENDOR_URLS, type EndpointConfig, type Isolation } from '../core/endpoints.ts';
import { Problem } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { layoutOf, type WorkspaceLayout } from '../workspace/layout.ts';
import type { Environment } from './environment.ts';
import { parseConfigFile, type ConfigFile, type EndpointFile } from './config-file.ts';

export interface Listening {
  readonly host: string;
  readonly port: number;
}

export interface Config {
  readonly layout: WorkspaceLayout;
  readonly endpoints: ReadonlyMap<string, EndpointConfig>;
  readonly default_endpoint: string | null;
  readonly http: Listening & { readonly allowed_hosts: readonly string[] };
  readonly instances: Listening;
  readonly instance: {
    readonly name: string;
    readonly slots: number;
    /** Commands of jobs may run here. */
    readonly allow_exec: boolean;
    /** Names of environment variables that scripts, commands and AI packages get. */
    readonly pass_env: readonly string[];
    /** Where attempts run, unless their endpoint says so itself. */
    readonly isolation: Isolation;
  };
  readonly prices: Prices;
  readonly watch: {
    /** Whether `serve` takes files of `jobs/` by itself. */
    readonly enabled: boolean;
    /** What becomes of a file of a known name with another content. */
    readonly on_change: 'report' | 'new_run';
  };
  /** New work is refused while a disk of the workspace has less free than this. */
  readonly disk_free_min_bytes: number;
  /** How long logs of ended attempts are kept. */
  readonly logs: { readonly retention_ms: number };
  readonly log_level: string;
}

/** What the command line says over everything else. */
export interface Flags {
  readonly host?: string;
  readonly port?: number;
  readonly instances_port?: number;
  readonly slots?: number;
}

/** The configuration of a workspace; a missing file is an empty one. Rejects with Problem InvalidConfig. */
export async function loadConfig(root: string, env: Environment, flags: Flags = {}): Promise<Config> {
  const path = layoutOf(root).config;
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new Problem('InvalidConfig', `${path} cannot be read: ${error.message}`);
  });
  return effective(root, bytes === null ? {} : parseConfigFile(bytes, path), env, flags);
}

function effective(root: string, file: ConfigFile, env: Environment, flags: Flags): Config {
  const state_dir = env['PROMPTD_STATE_DIR'] ?? file.state_dir;
  const layout = layoutOf(root, state_dir);
  const endpoints = endpointsOf(file, env, dirname(layout.config));
  const default_endpoint = defaultEndpoint(
    env['PROMPTD_DEFAULT_ENDPOINT'] ?? file.default_endpoint,
    endpoints,
  );
  const http = {
    host: flags.host ?? env['PROMPTD_HTTP_HOST'] ?? file.http?.host ?? '127.0.0.1',
    port: flags.port ?? wholeNumber(env, 'PROMPTD_HTTP_PORT') ?? file.http?.port ?? LIMITS.http_port,
    allowed_hosts: file.http?.allowed_hosts ?? [],
  };
  const instances = {
    host: env['PROMPTD_INSTANCES_HOST'] ?? file.instances?.host ?? '127.0.0.1',
    port:
      flags.instances_port ??
      wholeNumber(env, 'PROMPTD_INSTANCES_PORT') ??
      file.instances?.port ??
      LIMITS.instances_port,
  };
  refuseOpenPorts('http', http.host, file.http?.insecure ?? false);
  refuseOpenPorts('instances', instances.host, file.instances?.insecure ?? false);
  return Object.freeze({
    layout,
    endpoints,
    default_endpoint,
    http,
    instances,
    instance: {
      name: file.instance?.name ?? 'local',
      slots: flags.slots ?? wholeNumber(env, 'PROMPTD_SLOTS') ?? file.instance?.slots ?? LIMITS.slots,
      allow_exec: file.instance?.allow_exec ?? false,
      pass_env: file.instance?.pass_env ?? [],
      isolation: file.instance?.isolation ?? 'inline',
    },
    prices: (file.prices ?? {}) as Record<string, Price>,
    watch: { enabled: file.watch?.enabled ?? true, on_change: file.watch?.on_change ?? 'report' },
    disk_free_min_bytes: file.disk_free_min_bytes ?? LIMITS.disk_free_min_bytes,
    logs: { retention_ms: parseDuration(file.logs?.retention ?? '') ?? LIMITS.log_retention_ms },
    log_level: env['PROMPTD_LOG_LEVEL'] ?? file.log_level ?? 'info',
  });
}

/** Without any in the file: the Ollama of this machine, and the stand-in. */
function endpointsOf(file: ConfigFile, env: Environment, root: string): ReadonlyMap<string, EndpointConfig> {
  const given: Record<string, EndpointFile> = file.endpoints ?? {
    ollama: { kind: 'ollama' },
    simulator: { kind: 'simulator' },
  };
  return new Map(Object.entries(given).map(([name, one]) => [name, endpointOf(name, one, env, root)]));
}

function endpointOf(name: string, file: EndpointFile, env: Environment, root: string): EndpointConfig {
  const base_urls = baseUrls(name, file, env);
  const settings = settingsOf(name, file, root);
  return {
    name,
    kind: file.kind,
    base_urls,
    api_key_env: file.api_key_env ?? null,
    api_key_file: file.api_key_file === undefined ? null : resolve(root, file.api_key_file),
    max_concurrent: file.max_concurrent ?? concurrency(file, base_urls.length),
    sticky_models: file.sticky_models ?? file.kind === 'ollama',
    settings,
    ...(file.isolation === undefined ? {} : { isolation: file.isolation }),
  };
}

/** How much an endpoint is asked at a time, where the file does not say. */
function concurrency(file: EndpointFile, urls: number): number {
  if (file.kind === 'ollama') return LIMITS.max_concurrent_per_ollama_url * urls;
  return file.kind === 'ai-package' ? (file.instances ?? 1) : LIMITS.max_concurrent;
}

/** What one kind alone knows; a path starts at the configuration's folder. */
function settingsOf(name: string, file: EndpointFile, root: string): JsonObject {
  if (file.kind === 'simulator')
    return file.tokens_per_second === undefined ? {} : { tokens_per_second: file.tokens_per_second };
  if (file.kind !== 'ai-package') return {};
  if (file.module === undefined)
    throw new Problem(
      'InvalidConfig',
      `endpoints.${name}: expected "module" for kind ai-package, got nothing`,
    );
  return {
    module: resolve(root, file.module),
    instances: file.instances ?? 1,
    poll_ms: (file.poll === undefined ? null : parseDuration(file.poll)) ?? LIMITS.package_poll_ms,
    shared: file.shared ?? false,
  };
}

function baseUrls(name: string, file: EndpointFile, env: Environment): readonly string[] {
  if (file.base_urls !== undefined) return file.base_urls;
  if (file.base_url !== undefined) return [file.base_url];
  if (file.kind === 'ollama') return [ollamaHost(env['OLLAMA_HOST'])];
  if (SERVERLESS.has(file.kind)) return [];
  const vendor = VENDOR_URLS[file.kind];
  if (vendor !== undefined) return [vendor];
  throw new Problem(
    'InvalidConfig',
    `endpoints.${name}: expected "base_url" for kind ${file.kind}, got nothing`,
  );
}

/** As Ollama's own client reads OLLAMA_HOST: a host, a host and port, or a URL; 0.0.0.0 is where to listen, not where to ask. */
function ollamaHost(text: string | undefined): string {
  const given = text?.trim() ?? '';
  if (given === '') return 'http://127.0.0.1:11434';
  const url = new URL(/^https?:\/\//.test(given) ? given : `http://${given}`);
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  if (url.port === '' && !/^https?:\/\//.test(given)) url.port = '11434';
  return url.toString().replace(/\/$/, '');
}

function defaultEndpoint(
  given: string | undefined,
  endpoints: ReadonlyMap<string, EndpointConfig>,
): string | null {
  if (given !== undefined) {
    if (endpoints.has(given)) return given;
    throw new Problem(
      'InvalidConfig',
      `default_endpoint: expected one of ${[...endpoints.keys()].join(', ')}, got "${given}"`,
    );
  }
  if (endpoints.has('ollama')) return 'ollama';
  const [only] = endpoints.keys();
  return endpoints.size === 1 && only !== undefined ? only : null;
}

function wholeNumber(env: Environment, name: string): number | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= 100_000) return value;
  throw new Problem('InvalidConfig', `${name}: expected a whole number, got "${text}"`);
}

function refuseOpenPorts(what: 'http' | 'instances', host: string, insecure: boolean): void {
  if (insecure || host === 'localhost' || host === '::1' || host.startsWith('127.')) return;
  throw new Problem(
    'InvalidConfig',
    `${what}.host: ${host} is reached from other machines, and this port is not encrypted`,
    {
      hint: `Keep it on 127.0.0.1 behind a proxy or a tunnel, or set "insecure": true in "${what}" on a network that you trust.`,
    },
  );
}
