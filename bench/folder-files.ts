/** The files of a workspace, written as fast as the disk takes them: nothing here is flushed. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { simulatorConfig } from './serve-process.ts';

const SLOTS = 100;

/** About as long as a short question. */
export function jobText(name: string, more: object = {}): string {
  return JSON.stringify({
    prompt: `Say something about ${name}. ${'It may be long. '.repeat(10)}`,
    configuration: { LLM_name: 'simulator:noop', max_tokens: 5 },
    ...more,
  });
}

export function makeFolder(root: string): void {
  for (const folder of ['jobs', 'results']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, 'promptd.config.json'), JSON.stringify(simulatorConfig(SLOTS)));
}

export function writeJobs(root: string, from: number, to: number): void {
  for (let i = from; i < to; i += 1)
    writeFileSync(join(root, 'jobs', `${nameOf(i)}.json`), jobText(nameOf(i)));
}

/** The pair alone, which is a valid result file. */
export function writeResults(root: string, from: number, to: number): void {
  for (let i = from; i < to; i += 1) {
    const pair = { job: `${nameOf(i)}.json`, result: answerText(i) };
    writeFileSync(join(root, 'results', `${epochOf(i)}_${nameOf(i)}.json`), JSON.stringify(pair));
  }
}

export function answerText(i: number): string {
  return `An answer about ${i}. ${'It is as it is. '.repeat(20)}`;
}

export function epochOf(i: number): number {
  return 1_700_000_000_000 + i;
}

export function nameOf(i: number): string {
  return `job-${i}`;
}

/** Moves a whole file in; the time at which it stood there, Unix ms. */
export function drop(root: string, name: string): number {
  const made = join(root, `.${name}.tmp`);
  writeFileSync(made, jobText(name));
  renameSync(made, join(root, 'jobs', `${name}.json`));
  return Date.now();
}
