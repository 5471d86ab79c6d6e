/** What a job from elsewhere may not: have files of the workspace read for it, or run programs without an admin's key. */
import { describe } from '../core/describe.ts';
import type { Fault } from '../core/errors.ts';
import type { CheckedJob, CheckedPrompt } from '../core/job.ts';

const EXPECTED: Readonly<Record<'data' | 'script', string>> = {
  data: 'data in the job itself, over TCP',
  script: 'no scripts, over TCP',
};
const HINTS: Readonly<Record<'data' | 'script', string>> = {
  data: 'Submit it on the machine of the workspace, where promptd reads the file; or put the text into the job.',
  script: 'Submit it on the machine of the workspace, where the script is.',
};
const ATTACHED_HINT =
  'Submit it on the machine of the workspace, where promptd reads the file; or send its bytes: {"type": "image", "data": "<base64>", "media_type": "image/png"}.';

/** A fault for each link: they are read on the machine of the workspace, for those who may read there. */
export function linksOverTcp({ prompt, command }: CheckedJob): Fault[] {
  const faults = linksInPrompt(prompt);
  if (command !== null) faults.push(fault('script', command.at, command.script));
  return faults;
}

function linksInPrompt(prompt: CheckedPrompt): Fault[] {
  if (prompt.kind === 'text') return [];
  if (prompt.kind === 'script') return [fault('script', prompt.script.at, prompt.script.script)];
  const faults: Fault[] = [];
  for (const [name, source] of prompt.data ?? []) {
    if (source.kind === 'value') continue;
    if (source.kind === 'script') faults.push(fault('script', source.script.at, source.script.script));
    else
      faults.push(
        fault(
          'data',
          `prompt.data.${name}.${source.kind === 'rows' ? source.format : source.kind}`,
          source.file,
        ),
      );
  }
  if (prompt.kind === 'messages') faults.push(...linksInMessages(prompt.messages));
  return faults;
}

function linksInMessages(
  messages: Extract<CheckedPrompt, { readonly kind: 'messages' }>['messages'],
): Fault[] {
  const faults: Fault[] = [];
  for (const [index, { content }] of messages.entries()) {
    if (typeof content === 'string') continue;
    for (const [place, part] of content.entries()) {
      if (part.type === 'text' || !('file' in part.from)) continue;
      const at = `prompt.messages[${index}].content[${place}].file`;
      faults.push(fault('data', at, part.from.file, ATTACHED_HINT));
    }
  }
  return faults;
}

function fault(what: 'data' | 'script', path: string, link: string, hint = HINTS[what]): Fault {
  return { code: 'LinkOverTcp', path, expected: EXPECTED[what], got: `a link to ${describe(link)}`, hint };
}

/** A job of type `command` runs what it likes: only for whoever may do so on the machine anyway. */
export function execOff({ type }: CheckedJob, { admin }: { readonly admin?: boolean }): Fault[] {
  if (type !== 'command' || admin === true) return [];
  return [
    {
      code: 'ExecOff',
      path: 'type',
      expected: 'an admin key, for a job of type "command" over TCP',
      got: 'another key',
      hint: 'Submit it with an admin key, or on the machine of the workspace.',
    },
  ];
}
