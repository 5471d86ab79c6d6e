/**
 * The path that a command names. It goes behind the endpoint's base_url together with the endpoint's key, so it must not lead
 * out of there, however a server, or what stands before it, decodes it.
 */

const PATH_CHARS_MAX = 8_192;
/** Encoding upon encoding: more than this nobody means. */
const DECODINGS_MAX = 4;

/** What was expected of a path that cannot be taken; null for a good one. */
export function faultOfPath(path: string): string | null {
  if (path.length > PATH_CHARS_MAX) return `a path of at most ${PATH_CHARS_MAX} characters`;
  if (!path.startsWith('/')) return 'a path that begins with one /, such as "/chat/completions"';
  if (!/^[\u0021-\u007E]*$/.test(path)) return 'a path of printable ASCII (encode everything else as %XX)';
  if (/[\\#]/.test(path)) return 'a path without \\ and #';
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return 'a path in which each % begins a %XX';
  return faultOfSegments(path.split('?', 1)[0] ?? '');
}

function faultOfSegments(path: string): string | null {
  let decoded = path;
  for (let times = 0; ; times += 1) {
    if (decoded.includes('//')) return 'a path without //';
    if (decoded.includes('\\')) return 'a path without \\, encoded ones too';
    // Some servers take what follows a semicolon for a parameter of the segment.
    if (decoded.split('/').some((segment) => /^\.{1,2}(?:;.*)?$/.test(segment)))
      return 'a path without segments "." and "..", encoded ones too';
    if (/\p{Cc}/u.test(decoded)) return 'a path without control characters, encoded ones too';
    const once = decodedOnce(decoded);
    if (once === decoded) return null;
    if (times === DECODINGS_MAX) return 'a path that is encoded once';
    decoded = once;
  }
}

/** Byte by byte, so that what is no UTF-8 hides nothing. */
function decodedOnce(path: string): string {
  return path.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
