/** What `promptd doctor` says of the endpoints of a workspace, without asking any of them. */
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { EndpointConfig } from '../core/endpoints.ts';
import { messageOf, Problem } from '../core/errors.ts';
import type { Finding } from '../core/examination.ts';
import type { Config } from './config.ts';
import type { Environment } from './environment.ts';
import { secretsOf } from './secrets.ts';

const PYTHON_MS = 5_000;

export async function* examineEndpoints(
  { endpoints, instance }: Config,
  env: Environment,
): AsyncGenerator<Finding> {
  for (const endpoint of endpoints.values()) {
    const what = `endpoint ${endpoint.name}`;
    const found = [
      await keyFinding(endpoint, env),
      execFinding(endpoint, instance.allow_exec),
      await packageFinding(endpoint),
    ].filter((one) => one !== null);
    for (const one of found) yield { what, ...one };
    if (found.length === 0) yield { what, verdict: 'ok', message: endpoint.kind };
  }
}

type Part = Omit<Finding, 'what'> | null;

async function keyFinding(endpoint: EndpointConfig, env: Environment): Promise<Part> {
  const { api_key_env, api_key_file } = endpoint;
  if (api_key_env === null && api_key_file === null) return null;
  try {
    if ((await secretsOf(env).keyOf(endpoint)) !== null) return null;
  } catch (error) {
    const message = messageOf(error);
    const hint = error instanceof Problem ? error.hint : undefined;
    return { verdict: 'wrong', message, advice: hint ?? 'Make it a file that this user can read.' };
  }
  const place = api_key_file ?? `the environment variable ${api_key_env ?? ''}`;
  return { verdict: 'warning', message: `no key in ${place}`, advice: 'Its jobs wait until it is set.' };
}

function execFinding({ kind }: EndpointConfig, allow_exec: boolean): Part {
  if (kind !== 'command' || allow_exec) return null;
  return {
    verdict: 'warning',
    message: 'commands are off on the instance of this machine',
    advice: 'Set "allow_exec": true under "instance", if jobs may run programs here.',
  };
}

async function packageFinding({ kind, settings }: EndpointConfig): Promise<Part> {
  const { module } = settings;
  if (kind !== 'ai-package' || typeof module !== 'string') return null;
  try {
    await access(module);
  } catch {
    return {
      verdict: 'wrong',
      message: `${module} cannot be read`,
      advice: 'Put the module there, or mend "module".',
    };
  }
  if (!module.endsWith('.py')) return null;
  try {
    await promisify(execFile)('python3', ['--version'], { timeout: PYTHON_MS });
    return null;
  } catch (error) {
    const message = `${module} needs python3: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : ''}`;
    return {
      verdict: 'wrong',
      message,
      advice: 'Install Python 3, and let the PATH of the server lead to it.',
    };
  }
}
