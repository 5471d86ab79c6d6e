/**
 * What is stored as the prompt of a job: its messages, built from texts, templates and the data that they link to; or, where
 * a script has a part in it, the recipe for them, with everything read that can be read now.
 */
import type { Fault } from '../core/errors.ts';
import type { CheckedPrompt, DataSource, PromptData } from '../core/job.ts';
import type { Json } from '../core/json.ts';
import type { Attachments, Message } from '../core/messages.ts';
import type { LinkReader } from '../core/ports/link-reader.ts';
import type { PromptRecipe, ScriptCall } from '../core/recipe.ts';
import { AttachmentFiles } from './attachments.ts';
import { DataFiles } from './data-files.ts';
import { DataError } from './data-table.ts';
import { faultOf, faultOfFile } from './link-faults.ts';
import { checkTemplates, type PromptTemplate, renderPrompt } from './render-prompt.ts';
import { ScriptFiles } from './script-files.ts';
import type { Templates } from './template.ts';

export interface BuildTools {
  readonly templates: Templates;
  readonly data: DataFiles;
  readonly scripts: ScriptFiles;
  readonly attachments: AttachmentFiles;
}

export type Built =
  | {
      readonly ok: true;
      readonly prompt: readonly Message[] | PromptRecipe;
      readonly attachments: Attachments;
      /** Scripts that have a part in the prompt. */
      readonly scripts: readonly ScriptCall[];
    }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export function buildTools(links: LinkReader, templates: Templates): BuildTools {
  return {
    templates,
    data: new DataFiles(links),
    scripts: new ScriptFiles(links),
    attachments: new AttachmentFiles(links),
  };
}

export async function buildPrompt(prompt: CheckedPrompt, tools: BuildTools): Promise<Built> {
  if (prompt.kind === 'text') return whole([{ role: 'user', content: prompt.text }]);
  if (prompt.kind === 'script') {
    const faults: Fault[] = [];
    const script = await tools.scripts.call(prompt.script, faults);
    return script === null ? { ok: false, faults } : whole({ kind: 'script', script }, {}, [script]);
  }
  const faults: Fault[] = [];
  const attachments = new Map<string, string>();
  const [template, data] = await Promise.all([
    templateOf(prompt, tools, attachments, faults),
    prompt.data === null ? null : readData(prompt.data, tools, faults),
  ]);
  // A template would only complain about the data that is missing anyway.
  if (faults.length > 0) return { ok: false, faults };
  const attached = Object.fromEntries(attachments);
  const scripts = Object.values(data?.scripts ?? {});
  if (data !== null && scripts.length > 0) {
    const wrong = checkTemplates(template, tools.templates);
    return wrong.length > 0
      ? { ok: false, faults: wrong }
      : whole({ kind: 'template', template, ...data }, attached, scripts);
  }
  const rendered = renderPrompt(template, data?.values ?? null, tools.templates);
  return rendered.ok ? whole(rendered.messages, attached) : rendered;
}

function whole(
  prompt: readonly Message[] | PromptRecipe,
  attachments: Attachments = {},
  scripts: readonly ScriptCall[] = [],
): Built {
  return { ok: true, prompt, attachments, scripts };
}

async function templateOf(
  prompt: Extract<CheckedPrompt, { readonly kind: 'messages' | 'parts' }>,
  tools: BuildTools,
  attachments: Map<string, string>,
  faults: Fault[],
): Promise<PromptTemplate> {
  if (prompt.kind === 'parts') return [prompt.prepend ?? '', prompt.base, prompt.append ?? ''];
  return tools.attachments.attach(prompt.messages, attachments, faults);
}

interface Data {
  readonly values: Readonly<Record<string, Json>>;
  readonly scripts: Readonly<Record<string, ScriptCall>>;
}

async function readData(data: PromptData, tools: BuildTools, faults: Fault[]): Promise<Data> {
  const values: [string, Json][] = [];
  const scripts: [string, ScriptCall][] = [];
  await Promise.all(
    [...data].map(async ([name, source]) => {
      if (source.kind === 'script') {
        const call = await tools.scripts.call(source.script, faults);
        if (call !== null) scripts.push([name, call]);
        return;
      }
      try {
        values.push([name, await readSource(source, tools.data)]);
      } catch (error) {
        faults.push(faultOfSource(error, source, `prompt.data.${name}`));
      }
    }),
  );
  // fromEntries defines properties, so that no name can reach a prototype.
  return { values: Object.fromEntries(values), scripts: Object.fromEntries(scripts) };
}

type FileSource = Exclude<DataSource, { readonly kind: 'script' }>;

async function readSource(source: FileSource, files: DataFiles): Promise<Json> {
  if (source.kind === 'value') return source.value;
  if (source.kind === 'file') return files.text(source.file);
  const table = await files.table(source.format, source.file);
  return table.pick(source.row, source.column);
}

function faultOfSource(error: unknown, source: FileSource, path: string): Fault {
  if (source.kind === 'value') throw error;
  const link = source.kind === 'rows' ? source.format : source.kind;
  if (!(error instanceof DataError)) return faultOfFile(error, `${path}.${link}`, source.file);
  const key = error.key === 'file' ? link : error.key;
  return faultOf('DataMissing', `${path}.${key}`, error.expected, error.got, error.hint);
}
