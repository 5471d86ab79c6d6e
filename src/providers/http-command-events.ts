/** The data of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), one text each. */

/**
 * `[DONE]`, which ends a stream, counts as soon as its line is there. `parts` are UTF-8, which is checked before. Throws what
 * `tooLong` makes where one event has more than `charsMax` characters.
 */
export async function* eventsOf(
  parts: AsyncIterable<Uint8Array>,
  charsMax: number,
  tooLong: () => Error,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest: string[] = [];
  let data: string[] = [];
  let chars = 0;
  for await (const part of parts) {
    const text = decoder.decode(part, { stream: true });
    const lines = text.split('\n');
    for (const [index, piece] of lines.entries()) {
      rest.push(piece);
      chars += piece.length;
      if (chars > charsMax) throw tooLong();
      if (index === lines.length - 1) break;
      const line = rest.join('').replace(/\r$/, '');
      rest = [];
      const field = /^data:(?: ?)(.*)$/s.exec(line)?.[1];
      if (field === '[DONE]') {
        if (data.length > 0) yield data.join('\n');
        data = [];
        yield field;
      } else if (field !== undefined) data.push(field);
      if (line !== '') continue;
      if (data.length > 0) yield data.join('\n');
      data = [];
      chars = 0;
    }
  }
  // A last event without the empty line behind it: some servers leave it out.
  const last = /^data:(?: ?)(.*)$/s.exec(rest.join('').replace(/\r$/, ''))?.[1];
  if (last !== undefined) data.push(last);
  if (data.length > 0) yield data.join('\n');
}
