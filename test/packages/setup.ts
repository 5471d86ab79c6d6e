// What tests of AI packages run: a package in a temporary folder, the provider, and real children.
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { AttemptObserver } from '../../src/core/attempt.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import type { ProviderAnswer, ProviderCall } from '../../src/core/ports/provider.ts';
import { AiPackageProvider, type AiPackageOptions } from '../../src/packages/ai-package-provider.ts';
import { GuardedChildren } from '../../src/platform/children.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { systemTimers } from '../../src/platform/timers.ts';
import { MARK } from '../support/processes.ts';
import { callOf, endpointOf, neverAborted } from '../providers/calls.ts';

const PLAY = path.join(import.meta.dirname, 'play');

/** What desk.py and desk.mjs are told to do. */
export interface Plan {
  readonly submit?: Json;
  readonly status?: Json;
  readonly retrieve?: Json;
  /** How long it works. */
  readonly ms?: number;
  /** What it gives in the end; else text. `never`: it works for ever. `lost`: it says 0 then. */
  readonly answer?: 'bytes' | 'path' | 'dict' | 'never' | 'lost';
  /** Of the answer `path`. */
  readonly file?: string;
}

export interface Asked {
  readonly answer: Promise<ProviderAnswer>;
  /** `<stream>: <text>`, in order. */
  readonly log: readonly string[];
}

export interface Bench {
  readonly folder: string;
  ask(prompt: string, plan?: Plan, how?: { signal?: AbortSignal; call?: Partial<ProviderCall> }): Asked;
  /** What the desks noted, such as `submit 0 Hello 4711`, each as its words. */
  notes(word?: string): Promise<readonly (readonly string[])[]>;
  write(file: string, bytes: string | Uint8Array): Promise<void>;
}

export interface BenchOptions {
  /** A package of its own instead of the desk. */
  readonly source?: string;
  readonly settings?: JsonObject;
  readonly limits?: AiPackageOptions['limits'];
  readonly env?: Readonly<Record<string, string>>;
}

function environmentOf(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** One endpoint with the package `file` in a folder of its own. */
export async function bench(file: string, options: BenchOptions = {}): Promise<Bench> {
  const folder = await mkdtemp(path.join(tmpdir(), 'promptd-package-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const module = path.join(folder, file);
  if (options.source === undefined) await copyFile(path.join(PLAY, file), module);
  else await writeFile(module, options.source);
  const env = environmentOf(['PATH', 'HOME', MARK]);
  const children = new GuardedChildren({ env, random: systemRandom });
  const provider = new AiPackageProvider({
    children,
    clock: systemClock,
    timers: systemTimers,
    env: { ...env, ...options.env },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  onTestFinished(async () => {
    await provider.close();
    await children.close();
  });
  const settings = { module, instances: 1, poll_ms: 20, shared: false, ...options.settings };
  return {
    folder,
    ask: (prompt, plan = {}, how = {}) => {
      const log: string[] = [];
      const observer: AttemptObserver = {
        phase: () => undefined,
        text: () => undefined,
        log: (stream, text) => log.push(`${stream}: ${text}`),
      };
      const call = callOf('ai-package', '', {
        endpoint: endpointOf('ai-package', { name: 'desk', settings }),
        messages: [{ role: 'user', content: prompt }],
        job: {
          name: prompt,
          run: 1,
          batch: null,
          key: null,
          metadata: { ...plan, folder },
          type: 'llm',
          prompt,
          configuration: { LLM_name: 'desk:oak', seed: 7 },
        },
        ...how.call,
      });
      return { answer: provider.call(call, observer, how.signal ?? neverAborted()), log };
    },
    notes: async (word) => {
      const text = await readFile(path.join(folder, 'notes'), 'utf8').catch(() => '');
      const lines = text.split('\n').filter((line) => line !== '');
      return lines.map((line) => line.split(' ')).filter(([first]) => word === undefined || first === word);
    },
    write: async (name, bytes) => writeFile(path.join(folder, name), bytes),
  };
}
