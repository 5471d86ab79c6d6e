/** How the process of an attempt can end without an outcome, in sentences that say what to do. */
import type { AttemptFailure } from '../core/attempt.ts';
import type { ChildEnd } from '../core/ports/children.ts';

/** `nonsense`: what it said that is no message. `tail`: the last line of its stderr. */
export function processFailure(
  endpoint: string,
  end: ChildEnd,
  nonsense: string | null,
  tail: string,
): AttemptFailure {
  const said = tail === '' ? '' : ` Its last words: ${tail.slice(0, 500)}`;
  const message = `${endpoint}: the process that ran this attempt ${nonsense === null ? how(end) : saidNonsense(nonsense)}${said}`;
  return {
    blame: 'transient',
    reason_code: 'ProviderError',
    message,
    scope: 'endpoint',
    retry_after_ms: null,
  };
}

function saidNonsense(nonsense: string): string {
  return `printed what is no message of an attempt (${nonsense.slice(0, 200)}); it was ended.`;
}

function how(end: ChildEnd): string {
  switch (end.kind) {
    case 'exited':
      return `exited with ${end.code} and had told no outcome; what it printed is in the log: promptd logs.`;
    case 'killed':
      return `was ended by ${end.signal}, and not by promptd: by hand, or for want of memory.`;
    case 'output_too_large':
      return 'printed more than any attempt does; it was ended.';
    case 'not_started':
      return `could not be started: ${end.code}: ${end.message}. Look for free memory and processes, or set "isolation": "inline".`;
    case 'guard_lost':
      return 'ended with the process that guards it.';
  }
}
