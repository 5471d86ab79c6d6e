/**
 * The one vocabulary of parameters, which every platform's provider translates into its own words, and what to say of
 * words that come near it. A mistyped parameter would otherwise be passed on, be ignored, and spoil an experiment.
 */

/** Words of the vocabulary, in the order in which they are documented. */
export const PARAMETERS = [
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'max_tokens',
  'stop',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  'reasoning',
  'response_schema',
] as const;
export type Parameter = (typeof PARAMETERS)[number];

/** A platform's own words stand in a drawer of its name: its kind of endpoint. */
export const DRAWERS = [
  'ollama',
  'openai-compatible',
  'simulator',
  'openai',
  'anthropic',
  'google',
  'mistral',
  'ai-package',
] as const;

/** Keys of `configuration` that are no parameters. */
const CONFIGURATION_WORDS = ['LLM_name', 'model', 'sample', 'command', 'argv'] as const;

const PARAMETER_SET: ReadonlySet<string> = new Set(PARAMETERS);
const DRAWER_SET: ReadonlySet<string> = new Set(DRAWERS);
const CONFIGURATION_SET: ReadonlySet<string> = new Set(CONFIGURATION_WORDS);

export function isParameter(word: string): word is Parameter {
  return PARAMETER_SET.has(word);
}

export function isDrawer(word: string): boolean {
  return DRAWER_SET.has(word);
}

export function isConfigurationWord(word: string): boolean {
  return CONFIGURATION_SET.has(word);
}

/** What other tools call the same thing, without case and separators. */
const ALIASES: Readonly<Record<string, string>> = {
  temp: 'temperature',
  nucleus: 'top_p',
  maxoutputtokens: 'max_tokens',
  maxcompletiontokens: 'max_tokens',
  maxnewtokens: 'max_tokens',
  maxlength: 'max_tokens',
  numpredict: 'max_tokens',
  npredict: 'max_tokens',
  stopsequence: 'stop',
  stopsequences: 'stop',
  stopwords: 'stop',
  randomseed: 'seed',
  think: 'reasoning',
  thinking: 'reasoning',
  reasoningeffort: 'reasoning',
  jsonschema: 'response_schema',
  outputschema: 'response_schema',
  responsejsonschema: 'response_schema',
  schema: 'response_schema',
  llm: 'LLM_name',
  modelname: 'LLM_name',
  modelid: 'LLM_name',
  openaicompatible: 'openai-compatible',
};

/** Words of platforms that only look like mistakes. They are passed on. */
const NO_MISTAKES: ReadonlySet<string> = new Set([
  'top_a',
  'min_tokens',
  'max_time',
  'top_n',
  'min_k',
  'sampler',
  'samplers',
  'mode',
]);

/** What promptd decides itself, and why a job cannot. */
const RESERVED: Readonly<Record<string, string>> = {
  stream: 'promptd always streams, so that logs can be followed. Leave it out.',
  stream_options: 'promptd always streams, so that logs can be followed. Leave it out.',
  n: 'A job has one answer. For several, submit it with "sample": 0, 1, 2, …',
  best_of: 'A job has one answer. For several, submit it with "sample": 0, 1, 2, …',
  messages: 'Messages belong in the prompt: {"prompt": {"messages": […]}}.',
  prompt: 'The prompt stands beside "configuration", not in it.',
  input: 'The prompt stands beside "configuration", not in it.',
  system: 'System text is a message: {"prompt": {"messages": [{"role": "system", …}]}}.',
  endpoint: 'The endpoint stands before the colon of "LLM_name": "ollama:llama3.2:3b".',
  timeout: 'It is an option: {"options": {"timeout": "10m"}}.',
  priority: 'It is an option: {"options": {"priority": 5}}.',
  max_attempts: 'It is an option: {"options": {"max_attempts": 4}}.',
};

const MISTAKES_KEPT_MAX = 10_000;
const mistakes = new Map<string, string | null>();

/** Why a key of `configuration` outside the vocabulary is refused, as a hint; null where it is passed on. */
export function mistakeIn(word: string): string | null {
  let found = mistakes.get(word);
  if (found === undefined) {
    found = findMistake(word);
    // Keys repeat from job to job; a caller who invents new ones for ever must not fill the memory.
    if (mistakes.size >= MISTAKES_KEPT_MAX) mistakes.clear();
    mistakes.set(word, found);
  }
  return found;
}

function findMistake(word: string): string | null {
  if (word === '__proto__') return 'No platform has such a parameter. Leave it out.';
  if (NO_MISTAKES.has(word)) return null;
  const reserved = Object.hasOwn(RESERVED, word) ? RESERVED[word] : undefined;
  if (reserved !== undefined) return reserved;
  const bare = withoutSeparators(word);
  const alias = Object.hasOwn(ALIASES, bare) ? ALIASES[bare] : undefined;
  const meant = alias ?? nearest(word, [...PARAMETERS, ...CONFIGURATION_WORDS, ...DRAWERS]);
  return meant === null ? null : `Did you mean ${meant}?`;
}

/** The known word that this one is a slip of the pen of; null where none is near enough. */
export function nearest(word: string, known: Iterable<string>): string | null {
  const bare = withoutSeparators(word);
  let best: string | null = null;
  let least = Infinity;
  for (const candidate of known) {
    const target = withoutSeparators(candidate);
    const allowed = target.length <= 3 ? 0 : target.length <= 6 ? 1 : 2;
    if (Math.abs(target.length - bare.length) > allowed) continue;
    const distance = editDistance(bare, target);
    if (distance <= allowed && distance < least) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

function withoutSeparators(word: string): string {
  return word.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** Insertions, deletions, substitutions and swaps of neighbours (Damerau, optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
