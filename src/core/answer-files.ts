/**
 * The files of an answer, as they may lie in a folder: whoever made them named them, so names are put right and never
 * refused (the answer was paid for). A plain name is one segment without control characters, of at most 200 bytes, does not
 * begin with a dot, and is there once, whatever the case of its letters.
 */
import type { AnswerFile } from './attempt.ts';

const NAME_BYTES_MAX = 200;
const MEDIA_TYPE = /^[a-z0-9][\w.+!#$&^-]*\/[a-z0-9][\w.+!#$&^-]*(?:; ?[\w-]+=[\w.+-]+)*$/i;
const MEDIA_TYPE_LENGTH_MAX = 200;
const UNKNOWN_MEDIA_TYPE = 'application/octet-stream';

/** The same files under plain names and media types that a header can carry; nothing changes where that is so already. */
export function plainFiles(files: readonly AnswerFile[]): readonly AnswerFile[] {
  const taken = new Set<string>();
  return files.map((file) => {
    const name = freeName(plainName(file.name), taken);
    taken.add(folded(name));
    return { name, media_type: plainMediaType(file.media_type), data: file.data };
  });
}

function plainName(given: string): string {
  const segment = given.normalize('NFC').replaceAll('\\', '/').split('/').at(-1) ?? '';
  const name = cut(segment.replaceAll(/\p{C}/gu, '-').replace(/^[.\s]+/, ''), NAME_BYTES_MAX).trimEnd();
  return name === '' ? 'file' : name;
}

/** `chart.png`, then `chart-2.png`, `chart-3.png`, …: the first that is free. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  const dot = name.lastIndexOf('.');
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  let free = name;
  for (let n = 2; taken.has(folded(free)); n += 1) {
    const tail = cut(`-${n}${ending}`, NAME_BYTES_MAX);
    free = `${cut(stem, NAME_BYTES_MAX - bytesOf(tail))}${tail}`;
  }
  return free;
}

/** Equal for names that some file system takes for one. */
function folded(name: string): string {
  return name.toUpperCase().toLowerCase().normalize('NFC');
}

function plainMediaType(given: string): string {
  return given.length <= MEDIA_TYPE_LENGTH_MAX && MEDIA_TYPE.test(given) ? given : UNKNOWN_MEDIA_TYPE;
}

/** The longest beginning of so many bytes; an ending of the name stays. */
function cut(text: string, bytes_max: number): string {
  if (bytesOf(text) <= bytes_max) return text;
  const dot = text.lastIndexOf('.');
  const ending = dot > 0 && text.length - dot <= 16 ? text.slice(dot) : '';
  let bytes = bytesOf(ending);
  let kept = '';
  for (const character of text.slice(0, text.length - ending.length)) {
    bytes += bytesOf(character);
    if (bytes > bytes_max) break;
    kept += character;
  }
  return `${kept}${ending}`;
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text);
}
