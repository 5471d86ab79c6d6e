/**
 * The one way to run a script that a job links to: an executable of the workspace that gets JSON on stdin and prints text.
 * What the text means is for those who ask.
 */
import { createHash } from 'node:crypto';
import type { Json } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { LinkError, type LinkReader } from '../core/ports/link-reader.ts';
import type { ScriptCall } from '../core/recipe.ts';
import { ProviderError } from '../core/ports/provider.ts';
import { noWorkspace } from './failures.ts';
import { programError } from './program-failures.ts';
import type { Programs, ProgramWatch } from './programs.ts';

export interface ScriptsOptions {
  /** Null on an instance without a workspace. */
  readonly links: LinkReader | null;
  readonly programs: Programs;
}

export class Scripts {
  readonly #options: ScriptsOptions;

  constructor(options: ScriptsOptions) {
    this.#options = options;
  }

  /**
   * What it printed, as it is. A pure script, and its inputs, must be those of the job's acceptance; any other runs as it
   * stands now. Rejects like {@link Programs.run}.
   */
  async run(call: ScriptCall, input: Json, watch: ProgramWatch): Promise<string> {
    const { links, programs } = this.#options;
    if (links === null) throw new ProviderError(noWorkspace());
    const { file, bytes } = await linked(call.script, () => links.script(call.script));
    if (call.pure) await checkUnchanged(call, bytes, links);
    const { stdout } = await programs.run(
      {
        name: call.script,
        argv: [file],
        cwd: null,
        stdin: Buffer.from(`${JSON.stringify(input)}\n`),
        time_limit_ms: LIMITS.script_timeout_ms,
        output_bytes_max: LIMITS.script_output_bytes_max,
      },
      watch,
    );
    return textOf(call.script, stdout);
  }
}

async function checkUnchanged(call: ScriptCall, bytes: Uint8Array, links: LinkReader): Promise<void> {
  if (sha256(bytes) !== call.source_sha256) throw changed(call.script);
  for (const { file, sha256: accepted } of call.inputs) {
    const now = await linked(call.script, () => links.read(file), file);
    if (sha256(now) !== accepted) throw changed(file);
  }
}

/** `input`: the file that the script declares to read, where it is this that is looked for. */
async function linked<T>(script: string, read: () => Promise<T>, input?: string): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    if (input !== undefined)
      throw programError('job', 'DataMissing', `${script}: its input ${input}: ${error.message}.`, error);
    if (error.kind === 'not_executable')
      throw programError('job', 'ScriptNotExecutable', `${script}: ${error.message}.`, error);
    throw programError('job', 'ScriptMissing', `${script}: ${error.message}.`, error);
  }
}

function changed(file: string): ProviderError {
  return programError(
    'job',
    'ScriptChanged',
    `${file} is not what it was when the job was accepted, and the script is "pure".`,
  );
}

/** Nothing is stripped and nothing replaced: what a script prints is what the model is asked. */
function textOf(script: string, stdout: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(stdout);
  } catch (error) {
    throw programError(
      'job',
      'ScriptOutputInvalid',
      `${script}: expected UTF-8 on stdout, got bytes that are none.`,
      error,
    );
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
