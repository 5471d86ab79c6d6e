/** Checks job files as the server would, prompts built, without one. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { FileReport, Workspace } from '../cli/deps.ts';
import type { Fault } from '../core/errors.ts';
import { decodeUtf8, parseJobText, placeFaults, splitNdjson } from '../core/job-text.ts';
import { systemTimers } from '../platform/timers.ts';
import { createPrepare, type Prepare } from '../prompt/prepare.ts';
import { WorkspaceLinkReader } from '../workspace/link-reader.ts';
import { AnswerCheckThread } from './answer-checker.ts';
import { loadConfig } from './config.ts';
import { type Environment } from './environment.ts';

export async function validateFiles(
  workspace: Workspace | null,
  files: readonly string[],
  env: Environment,
): Promise<readonly FileReport[]> {
  const config = await loadConfig(workspace?.root ?? process.cwd(), env);
  const links = workspace === null ? null : new WorkspaceLinkReader({ root: workspace.root });
  const prepare = createPrepare({
    endpoints: config.endpoints,
    default_endpoint: config.default_endpoint,
    links,
    schemas: new AnswerCheckThread(systemTimers),
  });
  const reports: FileReport[] = [];
  for (const file of files) reports.push(await validateFile(file, prepare));
  return reports;
}

async function validateFile(file: string, prepare: Prepare): Promise<FileReport> {
  const text = decodeUtf8(await readFile(file));
  if (typeof text !== 'string') return { file, faults: [text], jobs: 0 };
  if (/\.(jsonl|ndjson)$/.test(file)) return validateLines(file, text, prepare);
  const faults = await faultsOf(text, prepare, basename(file, '.json'), '', 1);
  return { file, faults, jobs: faults.length === 0 ? 1 : 0 };
}

async function validateLines(file: string, text: string, prepare: Prepare): Promise<FileReport> {
  const faults: Fault[] = [];
  let jobs = 0;
  for (const line of splitNdjson(text)) {
    const wrong = await faultsOf(line.text, prepare, undefined, '', line.line);
    if (wrong.length === 0) jobs += 1;
    faults.push(...wrong);
  }
  return { file, faults, jobs };
}

async function faultsOf(
  text: string,
  prepare: Prepare,
  name: string | undefined,
  prefix: string,
  firstLine: number,
): Promise<readonly Fault[]> {
  const parsed = parseJobText(text);
  if (parsed.faults.length > 0) return placeFaults(parsed.faults, parsed, prefix, firstLine);
  const prepared = await prepare(parsed.value, {
    via: 'socket',
    ...(name === undefined ? {} : { defaults: { name } }),
  });
  return prepared.ok ? [] : placeFaults(prepared.faults, parsed, prefix, firstLine);
}
