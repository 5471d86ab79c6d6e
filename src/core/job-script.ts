/** A link to a script, wherever a job may have one: its prompt, its data, its command. */
import { describe } from './describe.ts';
import { childPath } from './job-path.ts';
import type { JobFaults } from './job-faults.ts';
import { scriptSchema } from './job-schema.ts';
import { isJsonObject, type Json } from './json.ts';
import { LINK_EXPECTED, linkObjection } from './link-path.ts';

/** A script as a job links to it; its files are not looked at yet. */
export interface ScriptLink {
  /** Where in the job its path stands. */
  readonly at: string;
  readonly script: string;
  readonly args: Json;
  readonly pure: boolean;
  /** Files that a pure script reads, each once and in order, so that their order makes no other work. */
  readonly inputs: readonly string[];
}

const SCRIPT_EXPECTED = 'a path like "prompts/make.py", inside prompts/ or commands/';

/** An object with `script`. */
export function checkScriptLink(value: unknown, path: string, faults: JobFaults): ScriptLink | null {
  const given = faults.check(scriptSchema, value, path);
  // Said together with what is wrong with the shape: a link is looked at wherever it is a text.
  const script = isJsonObject(value) ? value['script'] : undefined;
  const isFine = typeof script !== 'string' || checkScriptPath(script, `${path}.script`, faults);
  if (given === undefined || !isFine) return null;
  const inputs = given.inputs ?? [];
  for (const [index, input] of inputs.entries()) {
    const objection = linkObjection(input);
    if (objection !== null)
      refuseLink(childPath(`${path}.inputs`, index), LINK_EXPECTED, input, objection, faults);
  }
  if (inputs.some((input) => linkObjection(input) !== null)) return null;
  if (inputs.length > 0 && given.pure !== true) {
    const hint = 'Only a pure script declares what it reads: add "pure": true, or leave "inputs" out.';
    faults.add('InvalidJob', `${path}.inputs`, '"pure": true beside it', describe(given.pure), hint);
    return null;
  }
  return {
    at: `${path}.script`,
    script: given.script,
    args: (given.args ?? null) as Json,
    pure: given.pure ?? false,
    inputs: [...new Set(inputs)].toSorted(),
  };
}

/** A script by its path alone. */
export function checkScriptText(script: string, path: string, faults: JobFaults): ScriptLink | null {
  return checkScriptPath(script, path, faults)
    ? { at: path, script, args: null, pure: false, inputs: [] }
    : null;
}

function checkScriptPath(script: string, path: string, faults: JobFaults): boolean {
  const objection =
    linkObjection(script) ?? (script.startsWith('data/') ? 'scripts stand in prompts/ or commands/' : null);
  if (objection === null) return true;
  refuseLink(path, SCRIPT_EXPECTED, script, objection, faults);
  return false;
}

export function refuseLink(
  path: string,
  expected: string,
  link: string,
  objection: string,
  faults: JobFaults,
): void {
  faults.add('LinkRefused', path, expected, describe(link), `Refused because ${objection}.`);
}
