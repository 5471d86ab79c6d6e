/** The command lines of the programs beside promptd (`npm run sim`, `chaos`, `mutants`, `bench`): a mistyped one runs nothing. */
import { Command, InvalidArgumentError } from 'commander';

/** Reads a whole number from `min` on. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(number) || number < min)
      throw new InvalidArgumentError(`Expected a whole number from ${min} on.`);
    return number;
  };
}

/** Reads a number above 0. */
export function positiveNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number) || number <= 0)
    throw new InvalidArgumentError('Expected a number above 0.');
  return number;
}

/** A program under the name by which npm runs it; what it does not know ends it with a sentence and 1. */
export function program(name: string, about: string): Command {
  return new Command(`npm run ${name} --`)
    .description(about)
    .allowExcessArguments(false)
    .showHelpAfterError();
}
