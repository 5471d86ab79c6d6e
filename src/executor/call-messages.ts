/** Messages with what they have attached, as a provider takes them. */
import { isAttached, type Attachments, type Message } from '../core/messages.ts';
import type { CallMessage } from '../core/ports/provider.ts';

/** Throws an Error where an attachment is missing: it was stored with the job, and travels with the order. */
export function callMessages(messages: readonly Message[], attachments: Attachments): CallMessage[] {
  return messages.map(({ role, content }) => {
    if (typeof content === 'string') return { role, content };
    const parts = content.map((part) => {
      if (!isAttached(part)) return part;
      const { type, media_type, body_sha256, filename } = part;
      const data = attachments[body_sha256];
      if (data === undefined) throw new Error(`the attachment ${body_sha256} did not come with the order`);
      return { type, media_type, data, ...(filename === undefined ? {} : { filename }) };
    });
    return { role, content: parts };
  });
}
