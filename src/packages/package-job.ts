/** A job as an AI package gets it. src/ai.ts and docs/ai-packages.md say the same to its author. */
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { callText, type CallMessage, type ProviderCall } from '../core/ports/provider.ts';
import { extensionOf, plainFileName } from './file-names.ts';

/** On its way to the process, which writes the files and puts their paths in. */
export interface SentJob {
  readonly name: string;
  readonly prompt: string;
  readonly messages: readonly {
    readonly role: string;
    readonly content: string | readonly SentPart[];
  }[];
  readonly configuration: JsonObject;
  readonly metadata: Json;
  readonly file_type: string | null;
  readonly files: readonly { readonly name: string; readonly media_type: string; readonly data: string }[];
}

type SentPart =
  | { readonly type: 'text'; readonly text: string }
  /** `file`: which of the job's files it is. */
  | { readonly type: 'image' | 'file'; readonly file: number };

export function sentJob(call: ProviderCall): SentJob {
  const files: SentJob['files'][number][] = [];
  const messages = call.messages.map(({ role, content }) => {
    if (typeof content === 'string') return { role, content };
    const parts = content.map((part): SentPart => {
      if (part.type === 'text') return part;
      const { type, media_type, data, filename } = part;
      const given = filename ?? `${type}${extensionOf(media_type)}`;
      // The number keeps two files of one name apart.
      files.push({ name: `${files.length + 1}-${plainFileName(given)}`, media_type, data });
      return { type, file: files.length - 1 };
    });
    return { role, content: parts };
  });
  const given = call.job?.configuration;
  return {
    name: call.job?.name ?? '',
    prompt: textOf(call.messages),
    messages,
    // A draw of `sample` is another seed than the one given.
    configuration: { ...(isJsonObject(given) ? given : {}), ...call.parameters },
    metadata: call.job?.metadata ?? null,
    file_type: fileTypeOf(call.drawer),
    files,
  };
}

export function fileTypeOf(drawer: JsonObject): string | null {
  const given = drawer['file_type'];
  return typeof given === 'string' && given !== '' ? given : null;
}

function textOf(messages: readonly CallMessage[]): string {
  return messages.map((message) => callText(message)).join('\n\n');
}
