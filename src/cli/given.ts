/** Options and arguments as given, read by name and checked; what is wrong is a usage error (exit 2) that names the option. */
import { parseDuration } from '../core/durations.ts';
import { Problem } from '../core/errors.ts';

export type OptionValue = string | boolean | readonly string[] | undefined;

export class Given {
  readonly #values: Readonly<Record<string, OptionValue>>;

  /** Keys in camelCase, as commander makes them of `--max-attempts`. */
  constructor(values: Readonly<Record<string, OptionValue>>) {
    this.#values = values;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#values[name];
    if (typeof value === 'string') return [value];
    return typeof value === 'object' ? value : [];
  }

  /** A whole number within bounds. */
  whole(name: string, bounds: { readonly min: number; readonly max: number }): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= bounds.min && value <= bounds.max) return value;
    throw usage(name, `a whole number from ${bounds.min} to ${bounds.max}`, text);
  }

  /** A duration such as `10m`, in ms. */
  duration(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const ms = parseDuration(text);
    if (ms !== null) return ms;
    throw usage(name, 'a duration like 90s, 10m or 1h30m', text);
  }

  oneOf<T extends string>(name: string, words: readonly T[]): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const word = words.find((one) => one === text);
    if (word !== undefined) return word;
    throw usage(name, `one of ${words.join(', ')}`, text);
  }
}

/** `--limit: expected …, got "x".` */
export function usage(option: string, expected: string, got: string): Problem {
  const flag = option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return new Problem('InvalidRequest', `--${flag}: expected ${expected}, got ${JSON.stringify(got)}.`);
}
