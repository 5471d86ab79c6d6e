/** The steps of an attempt that run code of the user. An instance that has no workspace has none of them. */
import type { AttemptObserver, AttemptOrder } from '../core/attempt.ts';
import type { Message } from '../core/messages.ts';
import type { ProviderAnswer, ProviderCall } from '../core/ports/provider.ts';
import type { PromptRecipe } from '../core/recipe.ts';

export interface PromptBuilder {
  /** Makes the messages that acceptance could not. Rejects with a ProviderError, or with the signal's reason. */
  build(
    order: AttemptOrder,
    recipe: PromptRecipe,
    observer: AttemptObserver,
    signal: AbortSignal,
  ): Promise<readonly Message[]>;
}

export interface CommandRunner {
  /**
   * Runs the command of a job: what its script prints (`order.command`), or its own (`order.argv`). Asks once. Rejects like
   * {@link Provider.call}.
   */
  run(
    order: AttemptOrder,
    call: ProviderCall,
    observer: AttemptObserver,
    signal: AbortSignal,
  ): Promise<ProviderAnswer>;
}
