/** Jobs of a workspace by the links of their results, made as the server would make them; read anew each time. */
import { basename, extname, join, normalize } from 'node:path';
import { parseJobText, splitNdjson } from '../core/job-text.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { PreparedJob } from '../core/submission.ts';
import { systemFiles } from '../platform/files.ts';
import { createPrepare, type Prepare } from '../prompt/prepare.ts';
import type { AboutJob, LinkedJobs } from '../workspace/adopted-file.ts';
import { WorkspaceLinkReader } from '../workspace/link-reader.ts';
import type { WorkspaceLayout } from '../workspace/layout.ts';
import { readRegularFile } from '../workspace/regular-file.ts';
import { isSystemError } from '../workspace/system-error.ts';
import { loadConfig } from './config.ts';
import type { Environment } from './environment.ts';

export class JobsOnDisk implements LinkedJobs {
  readonly #layout: WorkspaceLayout;
  readonly #prepare: Prepare;
  /** Lines of the batch file that was read last, as a batch of that name, by what stands behind the `#` of links to them. */
  #lines: {
    readonly file: string;
    readonly batch: string;
    readonly byLabel: Promise<ReadonlyMap<string, JsonObject>>;
  } | null = null;

  constructor(layout: WorkspaceLayout, prepare: Prepare) {
    this.#layout = layout;
    this.#prepare = prepare;
  }

  /** Rejects with Problem InvalidConfig. */
  static async open(layout: WorkspaceLayout, env: Environment): Promise<JobsOnDisk> {
    const { endpoints, default_endpoint } = await loadConfig(layout.root, env);
    const links = new WorkspaceLinkReader({ root: layout.root });
    return new JobsOnDisk(layout, createPrepare({ endpoints, default_endpoint, links }));
  }

  async of(link: string, name: string, about: AboutJob): Promise<PreparedJob | null> {
    const batch = about.batch ?? undefined;
    const value = await this.#valueOf(link, batch);
    if (value === null) return null;
    let made: PreparedJob | null = null;
    for (const fresh of batch === undefined ? [undefined] : [undefined, batch]) {
      const given = { ...value, name, ...(batch === undefined ? {} : { batch }) };
      const prepared = await this.#prepare(given, {
        via: 'socket',
        link,
        ...(fresh === undefined ? {} : { fresh }),
      });
      if (!prepared.ok) return null;
      if (about.digest === undefined || prepared.job.digest === about.digest) return prepared.job;
      made ??= prepared.job;
    }
    return made;
  }

  async #valueOf(link: string, batch?: string): Promise<JsonObject | null> {
    const hash = link.indexOf('#');
    const file = normalize(hash === -1 ? link : link.slice(0, hash));
    if (file.startsWith('..') || file.startsWith('/')) return null;
    if (hash === -1) return objectOf(await this.#textOf(file));
    const lines = await this.#linesOf(file, batch ?? basename(file, extname(file)));
    return lines.get(link.slice(hash + 1)) ?? null;
  }

  #linesOf(file: string, batch: string): Promise<ReadonlyMap<string, JsonObject>> {
    if (this.#lines?.file === file && this.#lines.batch === batch) return this.#lines.byLabel;
    const byLabel = this.#readLines(file, batch);
    this.#lines = { file, batch, byLabel };
    return byLabel;
  }

  async #readLines(file: string, batch: string): Promise<ReadonlyMap<string, JsonObject>> {
    const byLabel = new Map<string, JsonObject>();
    const text = await this.#textOf(file);
    for (const line of text === null ? [] : splitNdjson(text)) {
      const value = objectOf(line.text);
      const label = value === null ? null : await this.#labelOf(value, file, batch);
      if (value !== null && label !== null) byLabel.set(label, value);
    }
    return byLabel;
  }

  /** Its key; without one its name, which it may only have by what it asks. */
  async #labelOf(value: JsonObject, file: string, batch: string): Promise<string | null> {
    const { key, name } = value;
    if (typeof key === 'string') return key;
    if (typeof name === 'string') return name;
    const prepared = await this.#prepare(value, { via: 'folder', link: file, defaults: { batch } });
    return prepared.ok ? prepared.job.name : null;
  }

  /** Batch files may lie elsewhere in the workspace; whether it is the right one shows by the digest. */
  async #textOf(file: string): Promise<string | null> {
    for (const folder of [this.#layout.jobs, this.#layout.root]) {
      const text = await regularText(join(folder, file));
      if (text !== null) return text;
    }
    return null;
  }
}

/** The link is whatever somebody wrote into a file. */
async function regularText(path: string): Promise<string | null> {
  try {
    const bytes = await readRegularFile(systemFiles, path);
    return bytes === null ? null : Buffer.from(bytes).toString('utf8');
  } catch (error) {
    if (isSystemError(error)) return null;
    throw error;
  }
}

function objectOf(text: string | null): JsonObject | null {
  if (text === null) return null;
  const { value, faults } = parseJobText(text);
  return faults.length === 0 && isJsonObject(value) ? withoutSchema(value) : null;
}

function withoutSchema(value: JsonObject): JsonObject {
  const { $schema: _schema, ...rest } = value;
  return rest;
}
