/** Server-sent events as the HTML standard defines their text (https://html.spec.whatwg.org/#event-stream-interpretation). */
import { linesOf } from './lines.ts';

export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
  /** The last id that was sent, with this event or before it; '' where none was. */
  readonly id: string;
}

/** Yields each event that is complete. What stands unfinished at the end of the stream was cut and is dropped. */
export async function* eventsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let event = '';
  let data: string[] = [];
  let id = '';
  for await (const line of linesOf(chunks)) {
    if (line === '') {
      if (data.length > 0) yield { event: event === '' ? 'message' : event, data: data.join('\n'), id };
      event = '';
      data = [];
      continue;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id' && !value.includes('\0')) id = value;
  }
}
