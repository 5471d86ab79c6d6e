/** Lines of text out of pieces of bytes, which may end anywhere: in the middle of a line, or of a character. */

/** Yields each line without its end (`\n`, `\r\n` or `\r`), the last one also where nothing ends it. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8');
  let held = '';
  for await (const chunk of chunks) {
    held += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    // A carriage return at the very end may be half of a pair: it is looked at again with the next piece.
    const complete = held.endsWith('\r') ? held.slice(0, -1) : held;
    const lines = complete.split(/\r\n|\n|\r/);
    const rest = lines.pop() ?? '';
    yield* lines;
    held = rest + (held.endsWith('\r') ? '\r' : '');
  }
  held += decoder.decode();
  if (held === '') return;
  const lines = held.split(/\r\n|\n|\r/);
  if (lines.at(-1) === '') lines.pop();
  yield* lines;
}
