/** Renders the templates of a prompt: at acceptance, or at the attempt where scripts make some of its variables. */
import type { Fault } from '../core/errors.ts';
import { isAttached, type Message, textOf } from '../core/messages.ts';
import { faultOf } from './link-faults.ts';
import { TemplateFailure, type Templates, type Variables } from './template.ts';

/** The parts of one message of the user (`prepend`, `base`, `append`, '' where there is none), or messages. */
export type PromptTemplate = readonly string[] | readonly Message[];

export type Rendered =
  | { readonly ok: true; readonly messages: readonly Message[] }
  | { readonly ok: false; readonly faults: readonly Fault[] };

const PARTS = ['prepend', 'base', 'append'] as const;
/** Between the parts of a prompt: a blank line. */
const BETWEEN_PARTS = '\n\n';

/** `variables` null: the texts are no templates. */
export function renderPrompt(
  template: PromptTemplate,
  variables: Variables | null,
  templates: Templates,
): Rendered {
  const faults: Fault[] = [];
  const messages = mapTexts(template, (text, path) => {
    if (variables === null) return text;
    return orFault(faults, path, () => templates.render(text, variables)) ?? '';
  });
  if (faults.length > 0) return { ok: false, faults };
  if (messages.some((message) => textOf(message).trim() !== '' || hasAttached(message)))
    return { ok: true, messages };
  const hint = 'Check its data and its conditions.';
  const fault = faultOf(
    'TemplateError',
    'prompt',
    'a prompt that is not blank',
    'a template that gave nothing',
    hint,
  );
  return { ok: false, faults: [fault] };
}

/** What is wrong with templates as texts, before any variable is known. */
export function checkTemplates(template: PromptTemplate, templates: Templates): readonly Fault[] {
  const faults: Fault[] = [];
  mapTexts(template, (text, path) => {
    orFault(faults, path, () => templates.check(text));
    return text;
  });
  return faults;
}

function mapTexts(
  template: PromptTemplate,
  change: (text: string, path: string) => string,
): readonly Message[] {
  const parts: string[] = [];
  const messages: Message[] = [];
  for (const [index, item] of template.entries()) {
    if (typeof item === 'string') parts.push(change(item, `prompt.${PARTS[index] ?? 'base'}`));
    else messages.push(changed(item, `prompt.messages[${index}].content`, change));
  }
  if (parts.length === 0) return messages;
  return [{ role: 'user', content: parts.filter((part) => part !== '').join(BETWEEN_PARTS) }];
}

function changed(
  { role, content }: Message,
  at: string,
  change: (text: string, path: string) => string,
): Message {
  if (typeof content === 'string') return { role, content: change(content, at) };
  const parts = content.map((part, index) =>
    isAttached(part) ? part : { ...part, text: change(part.text, `${at}[${index}].text`) },
  );
  return { role, content: parts };
}

function hasAttached({ content }: Message): boolean {
  return typeof content !== 'string' && content.some(isAttached);
}

function orFault<Value>(faults: Fault[], path: string, act: () => Value): Value | null {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof TemplateFailure)) throw error;
    faults.push(faultOf(error.code, path, error.expected, error.got, error.hint));
    return null;
  }
}
