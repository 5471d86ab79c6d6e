/** A workspace on disk, and jobs prepared in it as a server prepares them. */
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { EndpointKind } from '../../src/core/endpoints.ts';
import type { Fault } from '../../src/core/errors.ts';
import type { PreparedJob } from '../../src/core/submission.ts';
import { createPrepare, type Prepare, type PrepareFrom } from '../../src/prompt/prepare.ts';
import { WorkspaceLinkReader } from '../../src/workspace/link-reader.ts';

export const SCRIPT = '#!/bin/sh\necho hello\n';
/** A PNG as far as its first bytes say. */
export const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
export const CONFIGURATION = { LLM_name: 'ollama:llama3.2:3b' };

const KINDS: readonly EndpointKind[] = ['ollama', 'simulator', 'openai'];

export class PromptWorkspace {
  readonly root = realpathSync(mkdtempSync(path.join(tmpdir(), 'promptd-prompts-')));
  readonly prepare: Prepare;

  /** `shells`: names of its endpoints of kind `command`. */
  constructor(files: Readonly<Record<string, string | Buffer>> = {}, shells: readonly string[] = ['shell']) {
    for (const [file, content] of Object.entries(files)) this.write(file, content);
    const endpoints = new Map<string, { readonly name: string; readonly kind: EndpointKind }>([
      ...KINDS.map((kind) => [kind, { name: kind, kind }] as const),
      ...shells.map((name) => [name, { name, kind: 'command' as const }] as const),
    ]);
    this.prepare = createPrepare({
      endpoints,
      default_endpoint: 'ollama',
      links: new WorkspaceLinkReader({ root: this.root }),
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  /** Scripts, by their first line, are made executable. */
  write(file: string, content: string | Buffer): void {
    const full = path.join(this.root, file);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, content);
    if (content.toString('latin1').startsWith('#!')) chmodSync(full, 0o755);
  }

  /** The job, with a configuration where it has none. Throws where it is refused. */
  async accepted(job: object, from: PrepareFrom = { via: 'socket' }): Promise<PreparedJob> {
    const prepared = await this.prepare({ configuration: CONFIGURATION, ...job }, from);
    if (!prepared.ok) throw new Error(JSON.stringify(prepared.faults));
    return prepared.job;
  }

  /** What is wrong with the job; nothing where it is accepted. */
  async refused(job: object, from: PrepareFrom = { via: 'socket' }): Promise<readonly Fault[]> {
    const prepared = await this.prepare({ configuration: CONFIGURATION, ...job }, from);
    return prepared.ok ? [] : prepared.faults;
  }

  async digest(job: object, from?: PrepareFrom): Promise<string> {
    return (await this.accepted(job, from)).digest;
  }
}
