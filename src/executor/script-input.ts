/** What scripts of a job get to read of it. */
import type { AttemptOrder } from '../core/attempt.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { ScriptCall } from '../core/recipe.ts';

/**
 * The job as it was given, and the arguments of this script. A pure one is told only what makes its job the same work as
 * another: what it makes is given to both, so it may not depend on a name, a key or metadata.
 */
export function scriptInput(order: AttemptOrder, { args, pure }: ScriptCall): JsonObject {
  if (pure) return { configuration: requested(order), args };
  if (order.job === null) throw new Error('an order with a script came without its job');
  return { ...order.job, args };
}

/** The configuration as far as it is sent, and stands in the digest. */
function requested({ endpoint, model, parameters, extra, drawers }: AttemptOrder): Json {
  return { LLM_name: `${endpoint}:${model}`, ...parameters, ...extra, ...drawers };
}
