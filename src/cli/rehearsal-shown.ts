/** What an attempt would do (`promptd execute --dry-run`), for people and for programs. */
import type { Json } from '../core/json.ts';
import type { Message } from '../core/messages.ts';
import type { ReadyJob, Rehearsed } from './deps.ts';
import { clip, plainLine, plainText } from './plain-text.ts';
import { count } from './quantities.ts';
import { shellQuoted } from './shell-quoted.ts';

type Rehearsal = Extract<Rehearsed, { readonly kind: 'rehearsed' }>;

/** The prompt stands above it whole; in the body its beginning is enough. */
const TEXT_SHOWN = 60;

export function rehearsalView(job: ReadyJob, { prompt, call, exec_off }: Rehearsal): object {
  const { name, digest, endpoint, endpoint_kind, model } = job;
  return { name, digest, endpoint, endpoint_kind, model, prompt, call, ...(exec_off ? { exec_off } : {}) };
}

export function rehearsalLines(job: ReadyJob, { prompt, call, exec_off }: Rehearsal): string[] {
  const lines = ['prompt', ...messageLines(prompt as unknown as readonly Message[]), '', 'call'];
  lines.push(`  endpoint    ${plainLine(job.endpoint)} (${job.endpoint_kind ?? 'not known here'})`);
  lines.push(`  model       ${plainLine(job.model)}`);
  if (call.kind === 'http') {
    lines.push(`  request     ${call.method} ${plainLine(call.url)}`);
    for (const [name, value] of Object.entries(call.headers))
      lines.push(`  header      ${plainLine(`${name}: ${value}`)}`);
    if (call.body !== null) lines.push('  body', ...jsonLines(call.body));
    return lines;
  }
  if (call.kind === 'program') {
    lines.push(`  program     ${plainLine(call.argv.map(shellQuoted).join(' '))}`);
    for (const [name, value] of Object.entries(call.env))
      lines.push(`  environment ${plainLine(`${name}=${value}`)}`);
    lines.push(`  stdin       ${plainLine(shortened(call.stdin))}`);
    if (exec_off)
      lines.push(
        '  Commands are off here: it would end with ExecOff (instance.allow_exec, or --allow-exec).',
      );
    return lines;
  }
  if (job.endpoint_kind === 'simulator') lines.push('  A stand-in: no model is asked.');
  lines.push('  parameters', ...jsonLines(call.parameters));
  return lines;
}

function messageLines(messages: readonly Message[]): string[] {
  return messages.flatMap(({ role, content }) => {
    const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content;
    const texts = parts.map((part) =>
      part.type === 'text' ? part.text : `[${part.type}: ${part.media_type}, ${count(part.bytes)} bytes]`,
    );
    return [
      `  ${role}`,
      ...texts.flatMap((text) =>
        plainText(text)
          .split('\n')
          .map((line) => `    ${line}`),
      ),
    ];
  });
}

function jsonLines(value: Json): string[] {
  const text = JSON.stringify(
    value,
    (_, one: unknown) => (typeof one === 'string' ? shortened(one) : one),
    2,
  );
  return plainText(text)
    .split('\n')
    .map((line) => `    ${line}`);
}

function shortened(text: string): string {
  return text.length <= TEXT_SHOWN ? text : `${clip(text, TEXT_SHOWN)} (${count(text.length)} characters)`;
}
