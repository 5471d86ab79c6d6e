/** Builds what a model is sent from the prompt of a job: text, templates and the data that it links to. */
import { describe } from '../core/describe.ts';
import type { ErrorCode, Fault } from '../core/errors.ts';
import type { CheckedPrompt, DataSource, PromptData } from '../core/job.ts';
import type { Json } from '../core/json.ts';
import { type Message, textOf } from '../core/messages.ts';
import { LinkError } from '../core/ports/link-reader.ts';
import type { DataFiles } from './data-files.ts';
import { DataError } from './data-table.ts';
import { TemplateFailure, type Templates, type Variables } from './template.ts';

export interface BuildTools {
  readonly templates: Templates;
  /** Null where no links may be read: at a door that stands elsewhere, or where there is no workspace. */
  readonly files: DataFiles | null;
}

export type Built =
  | { readonly ok: true; readonly messages: readonly Message[] }
  | { readonly ok: false; readonly faults: readonly Fault[] };

const PARTS = ['prepend', 'base', 'append'] as const;
/** Between the parts of a prompt: a blank line. */
const BETWEEN_PARTS = '\n\n';

export async function buildMessages(prompt: CheckedPrompt, tools: BuildTools): Promise<Built> {
  if (prompt.kind === 'text') return { ok: true, messages: [{ role: 'user', content: prompt.text }] };
  const faults: Fault[] = [];
  const variables = prompt.data === null ? null : await readData(prompt.data, tools.files, faults);
  // A template would only complain about the data that is missing anyway.
  if (faults.length > 0) return { ok: false, faults };
  const text = (template: string, path: string): string =>
    variables === null ? template : render(tools.templates, template, variables, path, faults);
  const messages =
    prompt.kind === 'messages'
      ? prompt.messages.map(({ role, content }, index) => ({
          role,
          content: typeof content === 'string' ? text(content, `prompt.messages[${index}].content`) : content,
        }))
      : [
          {
            role: 'user' as const,
            content: joinParts(PARTS.map((part) => text(prompt[part] ?? '', `prompt.${part}`))),
          },
        ];
  if (faults.length > 0) return { ok: false, faults };
  if (messages.every((message) => textOf(message).trim() === '')) {
    const hint = 'Check its data and its conditions.';
    return {
      ok: false,
      faults: [
        {
          code: 'TemplateError',
          path: 'prompt',
          expected: 'a prompt that is not blank',
          got: 'a template that gave nothing',
          hint,
        },
      ],
    };
  }
  return { ok: true, messages };
}

function joinParts(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(BETWEEN_PARTS);
}

function render(
  templates: Templates,
  template: string,
  variables: Variables,
  path: string,
  faults: Fault[],
): string {
  try {
    return templates.render(template, variables);
  } catch (error) {
    if (!(error instanceof TemplateFailure)) throw error;
    faults.push(faultOf('TemplateError', path, error.expected, error.got, error.hint));
    return '';
  }
}

async function readData(data: PromptData, files: DataFiles | null, faults: Fault[]): Promise<Variables> {
  const found = await Promise.all(
    [...data].map(async ([name, source]): Promise<readonly [string, Json]> => {
      try {
        return [name, await readSource(source, files)];
      } catch (error) {
        faults.push(faultOfSource(error, source, `prompt.data.${name}`));
        return [name, null];
      }
    }),
  );
  return Object.fromEntries(found);
}

async function readSource(source: DataSource, files: DataFiles | null): Promise<Json> {
  if (source.kind === 'value') return source.value;
  if (files === null) throw new LinkError('refused', 'there is no workspace to read it from');
  if (source.kind === 'file') return files.text(source.file);
  const table = await files.table(source.format, source.file);
  return table.pick(source.row, source.column);
}

function faultOfSource(error: unknown, source: DataSource, path: string): Fault {
  const link = source.kind === 'rows' ? source.format : source.kind;
  if (error instanceof DataError) {
    return faultOf(
      'DataMissing',
      `${path}.${error.key === 'file' ? link : error.key}`,
      error.expected,
      error.got,
      error.hint,
    );
  }
  if (!(error instanceof LinkError) || source.kind === 'value') throw error;
  const got = describe(source.file);
  if (error.kind === 'missing')
    return faultOf(
      'DataMissing',
      `${path}.${link}`,
      'a file that exists',
      got,
      'Paths start at the workspace.',
    );
  if (error.kind === 'too_large')
    return faultOf('TooLarge', `${path}.${link}`, 'a smaller file', got, `${error.message}.`);
  return faultOf(
    'LinkRefused',
    `${path}.${link}`,
    'a plain file inside data/, prompts/ or commands/',
    got,
    `Refused because ${error.message}.`,
  );
}

function faultOf(
  code: ErrorCode,
  path: string,
  expected: string,
  got: string,
  hint: string | undefined,
): Fault {
  return { code, path, expected, got, ...(hint === undefined ? {} : { hint }) };
}
