// What tests of AI packages run: a package in a temporary folder, the provider, and real children.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { AttemptObserver } from '../../src/core/attempt.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { ProviderAnswer, ProviderCall } from '../../src/core/ports/provider.ts';
import { AiPackageProvider, type AiPackageOptions } from '../../src/packages/ai-package-provider.ts';
import { GuardedChildren } from '../../src/platform/children.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { MARK } from '../support/processes.ts';
import { callOf, endpointOf, neverAborted } from '../providers/calls.ts';

export interface Bench {
  readonly folder: string;
  readonly provider: AiPackageProvider;
  /** What the package noted in a file of its folder, line by line. */
  notes(file?: string): Promise<readonly string[]>;
  ask(prompt: string, how?: Asking): Asked;
  close(): Promise<void>;
}

export interface Asking {
  readonly signal?: AbortSignal;
  readonly call?: Partial<ProviderCall>;
  readonly settings?: JsonObject;
}

export interface Asked {
  readonly answer: Promise<ProviderAnswer>;
  readonly log: readonly string[];
  readonly phases: readonly string[];
}

export interface BenchOptions {
  readonly settings?: JsonObject;
  readonly limits?: AiPackageOptions['limits'];
}

/** A package in a file of its own; `FOLDER` in its source is the folder that it may write to. */
export async function bench(file: string, source: string, options: BenchOptions = {}): Promise<Bench> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promptd-package-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const module = path.join(folder, file);
  await writeFile(module, source.replaceAll('FOLDER', JSON.stringify(folder)));
  const env = Object.fromEntries(
    ['PATH', 'HOME', MARK].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const children = new GuardedChildren({ env, random: systemRandom });
  const provider = new AiPackageProvider({
    children,
    clock: systemClock,
    timers: systemTimers,
    env,
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  const close = async (): Promise<void> => {
    await provider.close();
    await children.close();
  };
  onTestFinished(close);
  const settings = { module, instances: 1, poll_ms: 20, shared: false, ...options.settings };
  return {
    folder,
    provider,
    close,
    notes: async (name = 'notes') => {
      const text = await readFile(path.join(folder, name), 'utf8').catch(() => '');
      return text.split('\n').filter((line) => line !== '');
    },
    ask: (prompt, how = {}) => {
      const log: string[] = [];
      const phases: string[] = [];
      const observer: AttemptObserver = {
        phase: (phase) => phases.push(phase),
        text: () => undefined,
        log: (stream, text) => log.push(`${stream}: ${text}`),
      };
      const call = callOf('ai-package', '', {
        endpoint: endpointOf('ai-package', { name: 'desk', settings }),
        messages: [{ role: 'user', content: prompt }],
        ...how.call,
      });
      return { answer: provider.call(call, observer, how.signal ?? neverAborted()), log, phases };
    },
  };
}
