/** Makes the prompt of a job whose scripts have a part in it, when its attempt begins. */
import type { AttemptObserver, AttemptOrder } from '../core/attempt.ts';
import type { Fault } from '../core/errors.ts';
import { checkPrintedMessages } from '../core/job.ts';
import { JobFaults } from '../core/job-faults.ts';
import { canonicalJson, isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import type { Message } from '../core/messages.ts';
import type { ProviderError } from '../core/ports/provider.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { PromptRecipe, ScriptCall } from '../core/recipe.ts';
import { renderPrompt } from '../prompt/render-prompt.ts';
import { Templates } from '../prompt/template.ts';
import { programError } from './program-failures.ts';
import { scriptInput } from './script-input.ts';
import type { Scripts } from './scripts.ts';
import type { PromptBuilder } from './steps.ts';

/** Scripts of one prompt that run side by side. */
const AT_ONCE = 4;

/** Who hears what scripts say, and who may end them. */
interface Watched {
  readonly observer: AttemptObserver;
  readonly signal: AbortSignal;
}

/** A script as it is run for one attempt. */
type Run = (call: ScriptCall, watched: Watched) => Promise<string>;

export class ScriptedPrompts implements PromptBuilder {
  readonly #scripts: Pick<Scripts, 'run'>;
  readonly #templates = new Templates();

  constructor(options: { readonly scripts: Pick<Scripts, 'run'> }) {
    this.#scripts = options.scripts;
  }

  async build(
    order: AttemptOrder,
    recipe: PromptRecipe,
    observer: AttemptObserver,
    signal: AbortSignal,
  ): Promise<readonly Message[]> {
    const run: Run = (call, watched) => this.#scripts.run(call, scriptInput(order, call), watched);
    const watched = { observer, signal };
    if (recipe.kind === 'script') {
      const { script } = recipe.script;
      const output = await run(recipe.script, watched);
      return withinSize(printed(output, script), 'ScriptOutputTooLarge', script);
    }
    const made = await variables(recipe.scripts, run, watched);
    const rendered = renderPrompt(recipe.template, { ...recipe.values, ...made }, this.#templates);
    if (!rendered.ok) throw failed(rendered.faults);
    return withinSize(rendered.messages, 'TemplateLimit', 'The template');
  }
}

/** What scripts make, some of them at a time. The first that fails ends the others, and the prompt. */
async function variables(
  scripts: Readonly<Record<string, ScriptCall>>,
  run: Run,
  { observer, signal }: Watched,
): Promise<JsonObject> {
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const waiting = Object.entries(scripts);
  const made: [string, Json][] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      either.throwIfAborted();
      const [name, call] = next;
      made.push([name, valueOf(await run(call, { observer, signal: either }))]);
    }
  };
  const workers = Array.from({ length: Math.min(AT_ONCE, waiting.length) }, () =>
    worker().catch((error: unknown) => failure.abort(error)),
  );
  // Also those that are being ended are waited for: none outlives the attempt that it belongs to.
  await Promise.all(workers);
  failure.signal.throwIfAborted();
  return Object.fromEntries(made);
}

/** JSON where it is an object or a list; a text, even of digits, is what it looks like. */
function valueOf(output: string): Json {
  const value = parsed(output);
  return Array.isArray(value) || isJsonObject(value) ? value : withoutNewline(output);
}

/** What a script printed as a prompt: its text, or `{"messages": […]}`. */
function printed(output: string, script: string): readonly Message[] {
  const value = parsed(output);
  if (isJsonObject(value) && Object.hasOwn(value, 'messages')) return messagesIn(value, script);
  if (output.trim() !== '') return [{ role: 'user', content: withoutNewline(output) }];
  throw invalid(`${script}: it printed nothing. Let it print the prompt, or {"messages": […]}.`);
}

function messagesIn(value: JsonObject, script: string): readonly Message[] {
  const faults = new JobFaults();
  const checked = checkPrintedMessages(value, faults);
  if (checked === null || faults.list.length > 0)
    throw invalid(`${script}: it printed messages that are none: ${sentences(faults.list)}`);
  const messages = checked.map(({ role, content }) => {
    if (typeof content === 'string') return { role, content };
    throw invalid(
      `${script}: it printed a message with an image or a file. Let it print texts only; the job itself may have "messages" with attachments, and a script for their data.`,
    );
  });
  if (messages.every(({ content }) => content.trim() === ''))
    throw invalid(`${script}: it printed messages without any text.`);
  return messages;
}

function withinSize(messages: readonly Message[], code: ReasonCode, what: string): readonly Message[] {
  const bytes = Buffer.byteLength(canonicalJson(messages as unknown as Json));
  if (bytes <= LIMITS.job_bytes_max) return messages;
  throw programError(
    'job',
    code,
    `${what} made a prompt of ${bytes} bytes; a prompt has at most ${LIMITS.job_bytes_max}.`,
  );
}

function failed(faults: readonly Fault[]): ProviderError {
  const code = faults[0]?.code;
  const reason: ReasonCode = code === 'VariableMissing' || code === 'TemplateLimit' ? code : 'TemplateError';
  return programError('job', reason, sentences(faults));
}

function sentences(faults: readonly Fault[]): string {
  return faults
    .map(
      ({ path, expected, got, hint }) =>
        `${path}: expected ${expected}, got ${got}.${hint ? ` ${hint}` : ''}`,
    )
    .join(' ');
}

function invalid(message: string): ProviderError {
  return programError('job', 'ScriptOutputInvalid', message);
}

function parsed(text: string): unknown {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** As a shell's `$(…)` does, but of one line end only: a second one was meant. */
function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}
