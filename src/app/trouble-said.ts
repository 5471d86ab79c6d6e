/** Says at the terminal of a server what holds it up: once when it begins, and again where it lasts. The log has every time. */
import { plainLine } from '../cli/plain-text.ts';
import type { Clock } from '../core/ports/clock.ts';

const AGAIN_MS = 600_000;

export function sayingTrouble(
  clock: Pick<Clock, 'monotonic'>,
  say: (sentence: string) => void,
): (trouble: string) => void {
  let last: { readonly trouble: string; readonly at_m: number } | null = null;
  return (trouble) => {
    const now_m = clock.monotonic();
    if (last?.trouble === trouble && now_m - last.at_m < AGAIN_MS) return;
    last = { trouble, at_m: now_m };
    const what = trouble.replace(/\.$/, '');
    say(plainLine(`Trouble: ${what}. What was accepted is safe; how it stands: promptd status`));
  };
}
