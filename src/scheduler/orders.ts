/** Makes what an instance is sent from what was stored at acceptance. */
import type { AttemptOrder, AttemptRef } from '../core/attempt.ts';
import { readRequest } from '../core/identity.ts';
import type { Message } from '../core/messages.ts';
import type { OrderBody } from '../core/ports/store.ts';

export function orderOf(ref: AttemptRef, body: OrderBody, attempt_timeout_ms: number): AttemptOrder {
  const request = readRequest(body.request);
  const { first_token_timeout_ms, stall_timeout_ms } = body.spec.options;
  return {
    ...ref,
    type: request.type,
    endpoint: request.endpoint,
    model: request.model,
    messages: JSON.parse(body.prompt) as Message[],
    parameters: request.parameters,
    extra: request.extra,
    drawers: request.drawers,
    attempt_timeout_ms,
    first_token_timeout_ms,
    stall_timeout_ms,
  };
}
