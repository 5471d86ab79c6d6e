/** `--watch`: the same view again and again, until Ctrl-C. */
import { pause } from '../client/reconnect.ts';
import { EXIT } from '../core/errors.ts';
import type { Context } from './context.ts';

const AGAIN_AFTER_MS = 2_000;
const CLEAR = '\u001b[H\u001b[J';

/** Runs `once`; with --watch again every 2 s. On a terminal each view replaces the one before. Resolves with the last exit code. */
export async function watched(context: Context, once: () => Promise<number>): Promise<number> {
  if (!context.given.flag('watch')) return once();
  const { deps, out } = context;
  const stop = new AbortController();
  const offInterrupt = deps.onInterrupt(() => stop.abort());
  const signal = AbortSignal.any([context.signal, stop.signal]);
  try {
    for (;;) {
      if (deps.isTty.stdout && !out.json) await out.data(CLEAR);
      const code = await once();
      if (code !== EXIT.ok) return code;
      await pause(deps.timers, AGAIN_AFTER_MS, signal);
    }
  } catch (error) {
    if (stop.signal.aborted) return EXIT.ok;
    throw error;
  } finally {
    offInterrupt();
  }
}
