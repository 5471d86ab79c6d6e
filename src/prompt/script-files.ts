/** Scripts that jobs link to, as they stand at acceptance: there, executable, and known by the hash of their source. */
import { describe } from '../core/describe.ts';
import type { Fault } from '../core/errors.ts';
import { sha256Bytes } from '../core/identity.ts';
import type { ScriptLink } from '../core/job.ts';
import type { LinkReader } from '../core/ports/link-reader.ts';
import type { ScriptCall } from '../core/recipe.ts';
import { faultOf, faultOfFile, faultOfScript } from './link-faults.ts';
import { shared } from './shared.ts';

interface Source {
  readonly sha256: string;
  /** Why the system could not start it; null where it can. */
  readonly objection: { readonly expected: string; readonly hint: string } | null;
}

export class ScriptFiles {
  readonly #links: LinkReader;
  readonly #sources = new Map<string, Promise<Source>>();
  readonly #inputs = new Map<string, Promise<string>>();

  constructor(links: LinkReader) {
    this.#links = links;
  }

  /** Null after adding what is wrong with the script or its inputs. */
  async call(link: ScriptLink, faults: Fault[]): Promise<ScriptCall | null> {
    const source_sha256 = await this.program(link.script, link.at, faults);
    const inputs = await Promise.all(
      link.inputs.map((file) => this.#input(file, `${link.at.replace(/\.script$/, '')}.inputs`, faults)),
    );
    if (source_sha256 === null || inputs.some((input) => input === null)) return null;
    const { script, args, pure } = link;
    return { script, args, pure, source_sha256, inputs: inputs.filter((input) => input !== null) };
  }

  /** SHA-256 of an executable file; null after adding what is wrong with it. */
  async program(file: string, path: string, faults: Fault[]): Promise<string | null> {
    let source: Source;
    try {
      source = await shared(this.#sources, file, async () =>
        sourceOf((await this.#links.script(file)).bytes),
      );
    } catch (error) {
      faults.push(faultOfScript(error, path, file));
      return null;
    }
    if (source.objection === null) return source.sha256;
    const { expected, hint } = source.objection;
    faults.push(faultOf('ScriptNotExecutable', path, expected, describe(file), hint));
    return null;
  }

  async #input(file: string, path: string, faults: Fault[]): Promise<ScriptCall['inputs'][number] | null> {
    try {
      const sha256 = await shared(this.#inputs, file, async () => sha256Bytes(await this.#links.read(file)));
      return { file, sha256 };
    } catch (error) {
      faults.push(faultOfFile(error, path, file));
      return null;
    }
  }
}

/** First bytes of programs that need no interpreter: ELF, and Mach-O of either kind and order. */
const BINARY = /^(7f454c46|feedfac[ef]|c[ef]faedfe|cafebabe)/;
const SHEBANG_MAX = 256;

function sourceOf(bytes: Uint8Array): Source {
  const start = Buffer.from(bytes.subarray(0, SHEBANG_MAX));
  return {
    sha256: sha256Bytes(bytes),
    objection: BINARY.test(start.toString('hex', 0, 4)) ? null : objectionTo(start),
  };
}

function objectionTo(start: Buffer): Source['objection'] {
  const text = start.toString('latin1');
  if (!/^#! *\S/.test(text))
    return {
      expected: 'a program, or a script that names its interpreter',
      hint: 'Give it a first line such as "#!/usr/bin/env python3"; promptd does not guess.',
    };
  if (/^[^\n]*\r\n/.test(text))
    return {
      expected: 'a script with line ends of Unix',
      hint: 'Its first line ends in a carriage return, which becomes part of the name of the interpreter. Save it with LF.',
    };
  return null;
}
