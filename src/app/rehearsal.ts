/**
 * What an attempt would do, told instead of done: the last step of the pipeline, where a request leaves or a program begins,
 * is played by somebody who writes it down. Everything before it is real. No key is read: what carries one says `***`.
 */
import type { fetch as undiciFetch } from 'undici';
import type { RehearsedCall } from '../cli/deps.ts';
import type { EndpointKind } from '../core/endpoints.ts';
import type { Json } from '../core/json.ts';
import type { Provider, ProviderAnswer, ProviderCall } from '../core/ports/provider.ts';
import type { CommandExec } from '../executor/command-exec.ts';

const MASK = '***';
/** Headers that carry secrets, by what is in their names. */
const SECRET_HEADER = /auth|key|token|secret|cookie|password|credential/i;
/** Shorter values of the environment stand in other words by chance. */
const SECRET_CHARS_MIN = 6;

/** Thrown where the call would begin; it ends the attempt. */
class Rehearsed extends Error {
  override readonly name = 'Rehearsed';
}

export class Rehearsal {
  readonly #secrets: readonly string[];
  #called: RehearsedCall | null = null;

  /** `secrets`: what programs of the user are given, and may have put into a command. */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets.filter((one) => one.length >= SECRET_CHARS_MIN);
  }

  /** Null where the attempt did not come so far. */
  get called(): RehearsedCall | null {
    return this.#called;
  }

  /** In the place of a key. */
  readonly keyOf = (): Promise<string> => Promise.resolve(MASK);

  /** In the place of what sends. */
  readonly fetch: typeof undiciFetch = (input, init = {}) => {
    const headers = Object.entries((init.headers ?? {}) as Readonly<Record<string, string>>);
    const { body } = init;
    this.#note({
      kind: 'http',
      method: init.method ?? 'GET',
      url: urlOf(input),
      headers: Object.fromEntries(headers.map(([name, value]) => [name, maskedHeader(name, value)])),
      body: typeof body === 'string' ? asJson(body) : null,
    });
    return Promise.reject(new Rehearsed('the request was written down'));
  };

  /** In the place of what runs programs. */
  readonly exec: Pick<CommandExec, 'run'> = {
    run: ({ argv, stdin, env }) => {
      const names = Object.fromEntries(Object.keys(env).map((name) => [name, MASK]));
      this.#note({ kind: 'program', argv, stdin, env: names });
      return Promise.reject(new Rehearsed('the program was written down'));
    },
  };

  /** Those that send something send it to `fetch`; in the place of the others. */
  providers(real: ReadonlyMap<EndpointKind, Provider>): ReadonlyMap<EndpointKind, Provider> {
    return new Map(
      [...real].map(([kind, provider]) =>
        kind === 'simulator' || kind === 'ai-package' ? [kind, this.#inPlaceOf(provider)] : [kind, provider],
      ),
    );
  }

  #inPlaceOf(provider: Provider): Provider {
    return {
      models: (...asked) => provider.models(...asked),
      call: ({ parameters, extra, drawer }: ProviderCall): Promise<ProviderAnswer> => {
        this.#note({ kind: 'own', parameters: { ...parameters, ...extra, ...drawer } });
        return Promise.reject(new Rehearsed('the call was written down'));
      },
    };
  }

  #note(call: RehearsedCall): void {
    this.#called = this.#masked(call) as unknown as RehearsedCall;
  }

  /** Every text in it, without what programs of the user were given. */
  #masked(value: Json): Json {
    if (typeof value === 'string')
      return this.#secrets.reduce((text, secret) => text.replaceAll(secret, MASK), value);
    if (Array.isArray(value)) return value.map((one: Json) => this.#masked(one));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.#masked(one)]));
  }
}

function urlOf(input: Parameters<typeof undiciFetch>[0]): string {
  if (typeof input === 'string') return input;
  return input instanceof URL ? input.href : input.url;
}

/** `Bearer ***`: the word before it says how the key is carried. */
function maskedHeader(name: string, value: string): string {
  if (!SECRET_HEADER.test(name)) return value;
  const [, scheme = ''] = /^(basic |bearer )/i.exec(value) ?? [];
  return `${scheme}${MASK}`;
}

function asJson(body: string): Json {
  try {
    return JSON.parse(body) as Json;
  } catch {
    return body;
  }
}
