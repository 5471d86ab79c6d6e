/** What messages have attached: which platform takes it, and how the refusal of another one reads. */
import { ProviderError, type CallAttachment, type CallMessage } from '../core/ports/provider.ts';
import { refusedByLibrary, type Upstream } from './failures.ts';

/** Media types that a platform takes from a user: `application/pdf`, or `image/*` for all of a kind; `*` for all. */
export type TakenTypes = readonly string[];

/** The attached parts of a message, in order. */
export function attachedTo({ content }: CallMessage): readonly CallAttachment[] {
  return typeof content === 'string' ? [] : content.filter((part) => part.type !== 'text');
}

/** Rejects what the platform cannot be shown, before anything is sent: a platform that left it out would answer half a question. */
export function refuseUntaken(messages: readonly CallMessage[], taken: TakenTypes, upstream: Upstream): void {
  const { kind } = upstream.endpoint;
  for (const message of messages) {
    for (const { type, media_type } of attachedTo(message)) {
      const what = `the prompt has ${type === 'image' ? 'an image' : 'a file'} (${media_type}) attached`;
      if (message.role !== 'user')
        throw refusal(
          upstream,
          `${what} to a message of the ${message.role}; only those of a user can have one`,
        );
      if (!isTaken(media_type, taken))
        throw refusal(upstream, `${what}, and the platform ${kind} takes ${named(taken)} only`);
    }
  }
}

function refusal(upstream: Upstream, why: string): ProviderError {
  return new ProviderError(refusedByLibrary(upstream, `${why}. Nothing was sent.`));
}

function isTaken(media_type: string, taken: TakenTypes): boolean {
  const type = media_type.toLowerCase();
  return taken.some(
    (one) => one === '*' || (one.endsWith('/*') ? type.startsWith(one.slice(0, -1)) : type === one),
  );
}

function named(taken: TakenTypes): string {
  return taken.length < 2 ? taken.join('') : `${taken.slice(0, -1).join(', ')} and ${taken.at(-1) ?? ''}`;
}
