/**
 * Text of others on a terminal. Names, reasons, logs and answers come from job files, servers and models; a terminal would
 * obey their escape sequences (titles, links, the clipboard, erased lines).
 */

// C0 but tab and newline, DEL, C1, and the marks that turn the direction of what follows.
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Shows what a terminal would obey as `\x1b`; tabs and line ends stay. */
export function plainText(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(OBEYED, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** The same on one line: line ends and tabs are shown as well. */
export function plainLine(text: string): string {
  return plainText(text).replaceAll('\n', '\\n').replaceAll('\t', ' ');
}

/** At most `width` characters of a line, with an ellipsis where something is left out. */
export function clip(text: string, width: number): string {
  const chars = Array.from(text);
  return chars.length <= width ? text : `${chars.slice(0, Math.max(0, width - 1)).join('')}…`;
}
