/** Checks the prompt of a job and gives it one form. The branch is chosen first, so that its faults can be exact. */
import { anyOf, describe } from './describe.ts';
import { childPath } from './job-path.ts';
import type { JobFaults } from './job-faults.ts';
import { type CheckedMessage, checkParts as checkContent } from './job-parts.ts';
import {
  dataSchemas,
  messageOfPartsSchema,
  messageSchema,
  messagesSchema,
  partsSchema,
  promptTextSchema,
  rowNumberSchema,
  rowWhereSchema,
  VARIABLE_PATTERN,
} from './job-schema.ts';
import { checkScriptLink, refuseLink, type ScriptLink } from './job-script.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { LINK_EXPECTED, linkObjection } from './link-path.ts';
import { nearest } from './vocabulary.ts';

export type CheckedPrompt =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'messages';
      readonly messages: readonly CheckedMessage[];
      readonly data: PromptData | null;
    }
  | {
      readonly kind: 'parts';
      readonly prepend: string | null;
      readonly base: string;
      readonly append: string | null;
      readonly data: PromptData | null;
    }
  /** The script prints the prompt. */
  | { readonly kind: 'script'; readonly script: ScriptLink };

/** Variables of the template, by name. Where there are none (null), text is no template. */
export type PromptData = ReadonlyMap<string, DataSource>;

export type RowChoice = number | { readonly where: Readonly<Record<string, string | number | boolean>> };
export type RowFormat = 'csv' | 'jsonl' | 'json';

export type DataSource =
  | { readonly kind: 'value'; readonly value: Json }
  | { readonly kind: 'file'; readonly file: string }
  /** `row` null: all rows (of `json`: the whole document). `column` null: the whole row. */
  | {
      readonly kind: 'rows';
      readonly format: RowFormat;
      readonly file: string;
      readonly row: RowChoice | null;
      readonly column: string | null;
    }
  | { readonly kind: 'script'; readonly script: ScriptLink };

const PROMPT_EXPECTED = 'a text, {"messages": […]}, {"base": …} or {"script": …}';
const DATA_KINDS = ['value', 'file', 'csv', 'jsonl', 'json', 'script'] as const;
const DATA_EXPECTED = 'a text, or an object with one of value, file, csv, jsonl, json, script';

export function checkPrompt(value: unknown, faults: JobFaults): CheckedPrompt | null {
  if (typeof value === 'string') {
    const text = faults.check(promptTextSchema, value, 'prompt');
    return text === undefined ? null : { kind: 'text', text };
  }
  if (!isJsonObject(value)) {
    const hint = Array.isArray(value) ? 'Write {"messages": […]}.' : undefined;
    faults.add('InvalidJob', 'prompt', PROMPT_EXPECTED, describe(value), hint);
    return null;
  }
  if (Object.hasOwn(value, 'script')) {
    const script = checkScriptLink(value, 'prompt', faults);
    return script === null ? null : { kind: 'script', script };
  }
  return Object.hasOwn(value, 'messages') ? checkMessages(value, faults) : checkParts(value, faults);
}

function checkParts(value: JsonObject, faults: JobFaults): CheckedPrompt | null {
  if (!Object.hasOwn(value, 'base')) {
    const meant = Object.keys(value).find(
      (key) => nearest(key, ['base', 'messages', 'script']) !== null || key === 'text',
    );
    const hint =
      meant === undefined
        ? undefined
        : `Did you mean ${nearest(meant, ['base', 'messages', 'script']) ?? 'base'}?`;
    const keys = Object.keys(value).map((key) => describe(key));
    faults.add(
      'InvalidJob',
      'prompt',
      PROMPT_EXPECTED,
      keys.length === 0 ? 'an empty object' : `an object with ${anyOf(keys.slice(0, 5), 'and')}`,
      hint,
    );
    return null;
  }
  const parts = faults.check(partsSchema, value, 'prompt');
  const data = checkData(value, faults);
  if (parts === undefined || data === undefined) return null;
  return {
    kind: 'parts',
    prepend: parts.prepend ?? null,
    base: parts.base,
    append: parts.append ?? null,
    data,
  };
}

function checkMessages(value: JsonObject, faults: JobFaults): CheckedPrompt | null {
  const shape = faults.check(messagesSchema, value, 'prompt');
  const data = checkData(value, faults);
  const messages = checkMessageList(value['messages'], faults);
  if (shape === undefined || data === undefined || messages === null) return null;
  return { kind: 'messages', messages, data };
}

/** What a script printed as `{"messages": […]}`: checked as in a job, but that there is no data beside them. */
export function checkPrintedMessages(value: JsonObject, faults: JobFaults): readonly CheckedMessage[] | null {
  const shape = faults.check(messagesSchema.omit({ data: true }), value, 'prompt');
  const messages = checkMessageList(value['messages'], faults);
  return shape === undefined ? null : messages;
}

function checkMessageList(given: unknown, faults: JobFaults): readonly CheckedMessage[] | null {
  if (!Array.isArray(given) || given.length === 0) return null;
  const messages: CheckedMessage[] = [];
  for (const [index, item] of (given as readonly unknown[]).entries()) {
    const message = checkMessage(item, childPath('prompt.messages', index), faults);
    if (message !== null) messages.push(message);
  }
  if (messages.length !== given.length) return null;
  if (messages.every((message) => message.role === 'system')) {
    faults.add('InvalidJob', 'prompt.messages', 'a message of the user', 'system messages only');
    return null;
  }
  return messages;
}

function checkMessage(value: unknown, path: string, faults: JobFaults): CheckedMessage | null {
  if (!isJsonObject(value) || !Array.isArray(value['content']))
    return faults.check(messageSchema, value, path) ?? null;
  const message = faults.check(messageOfPartsSchema, value, path);
  const content = checkContent(value['content'] as readonly unknown[], `${path}.content`, faults);
  if (message === undefined || content === null) return null;
  if (typeof content !== 'string' && message.role !== 'user') {
    const hint = 'Platforms take images and files from the user only.';
    faults.add(
      'InvalidJob',
      `${path}.content`,
      'texts only',
      `an attachment of the role "${message.role}"`,
      hint,
    );
    return null;
  }
  return { role: message.role, content };
}

/** Null: there is no data, so text is no template. Undefined: there is, and it is wrong. */
function checkData(prompt: JsonObject, faults: JobFaults): PromptData | null | undefined {
  const value = prompt['data'];
  if (value === undefined || value === null) return null;
  if (!isJsonObject(value)) {
    faults.add('InvalidJob', 'prompt.data', 'an object of variables', describe(value));
    return undefined;
  }
  const before = faults.list.length;
  const data = new Map<string, DataSource>();
  for (const name of Object.keys(value)) {
    const path = childPath('prompt.data', name);
    if (!VARIABLE_PATTERN.test(name) || name === '__proto__') {
      faults.add(
        'InvalidJob',
        path,
        'a name of letters, digits, "_" and "-", starting with a letter',
        describe(name),
      );
      continue;
    }
    const source = checkSource(value[name], path, faults);
    if (source !== null) data.set(name, source);
  }
  return faults.list.length > before ? undefined : data;
}

function checkSource(value: unknown, path: string, faults: JobFaults): DataSource | null {
  if (typeof value === 'string') return { kind: 'value', value };
  const kinds = isJsonObject(value) ? DATA_KINDS.filter((kind) => Object.hasOwn(value, kind)) : [];
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1 || !isJsonObject(value)) {
    const got = kinds.length > 1 ? `${anyOf(kinds, 'and')} at once` : describe(value);
    const keys = isJsonObject(value) ? Object.keys(value) : [];
    const meant = keys.map((key) => nearest(key, DATA_KINDS)).find((near) => near !== null);
    const hint =
      kinds.length > 1
        ? 'Give two variables, one for each.'
        : meant == null
          ? 'Wrap a value of another type: {"value": …}.'
          : `Did you mean ${meant}?`;
    faults.add('InvalidJob', path, DATA_EXPECTED, got, hint);
    return null;
  }
  if (kind === 'script') {
    const script = checkScriptLink(value, path, faults);
    return script === null ? null : { kind, script };
  }
  if (kind === 'value') {
    return faults.check(dataSchemas.value, value, path) === undefined
      ? null
      : { kind, value: value['value'] ?? null };
  }
  return checkLinked(kind, value, path, faults);
}

function checkLinked(
  kind: 'file' | RowFormat,
  value: JsonObject,
  path: string,
  faults: JobFaults,
): DataSource | null {
  const before = faults.list.length;
  faults.check(dataSchemas[kind], value, path);
  const file = value[kind];
  const objection = typeof file === 'string' ? linkObjection(file) : null;
  if (typeof file === 'string' && objection !== null)
    refuseLink(`${path}.${kind}`, LINK_EXPECTED, file, objection, faults);
  const row = kind === 'file' ? null : checkRow(value, path, faults);
  if (faults.list.length > before || typeof file !== 'string') return null;
  if (kind === 'file') return { kind, file };
  const column = value['column'];
  return { kind: 'rows', format: kind, file, row, column: typeof column === 'string' ? column : null };
}

function checkRow(value: JsonObject, path: string, faults: JobFaults): RowChoice | null {
  const row = value['row'];
  if (row === undefined) {
    if (value['column'] !== undefined)
      faults.add('InvalidJob', `${path}.row`, 'the row of that column', 'nothing');
    return null;
  }
  const chosen = isJsonObject(row)
    ? faults.check(rowWhereSchema, row, `${path}.row`)
    : faults.check(rowNumberSchema, row, `${path}.row`);
  return chosen ?? null;
}
