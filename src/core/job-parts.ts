/** The parts of a message: texts, images and other files, by link or in the job itself. */
import { anyOf, describe } from './describe.ts';
import { childPath } from './job-path.ts';
import type { JobFaults } from './job-faults.ts';
import { refuseLink } from './job-script.ts';
import {
  dataPartSchemas,
  imageUrlPartSchema,
  linkedPartSchema,
  MEDIA_TYPE_PATTERN,
  textPartSchema,
} from './job-schema.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { LINK_EXPECTED, linkObjection } from './link-path.ts';
import type { Role, TextPart } from './messages.ts';
import { nearest } from './vocabulary.ts';

/** A message as checked: what it has attached is not read yet. */
export interface CheckedMessage {
  readonly role: Role;
  /** A list where it has something attached; texts alone are one text. */
  readonly content: string | readonly CheckedPart[];
}

export type CheckedPart = TextPart | AttachmentSource;

/** An image or another file, linked or brought along. */
export interface AttachmentSource {
  readonly type: 'image' | 'file';
  readonly from: { readonly file: string } | { readonly data: string };
  /** As given; null: found out from the bytes, or from the file's name. */
  readonly media_type: string | null;
  /** Of a file that was brought along: what the platform is told of its name. */
  readonly filename: string | null;
}

const TYPES = ['text', 'image', 'file', 'image_url'] as const;
/** What other interfaces call the same parts. */
const ALIASES: Readonly<Record<string, string>> = {
  input_text: 'text',
  output_text: 'text',
  input_image: 'image',
  input_file: 'file',
  document: 'file',
  media: 'file',
};
const BASE64_EXPECTED = 'the bytes of a file in base64';

/** Null after adding what is wrong. */
export function checkParts(
  parts: readonly unknown[],
  path: string,
  faults: JobFaults,
): string | readonly CheckedPart[] | null {
  if (parts.length === 0) {
    faults.add('InvalidJob', path, 'a text, or at least one part', 'an empty list');
    return null;
  }
  const checked = parts.map((part, index) => checkPart(part, childPath(path, index), faults));
  if (checked.some((part) => part === null)) return null;
  const all = checked as readonly CheckedPart[];
  const isText = (part: CheckedPart): part is TextPart => part.type === 'text';
  return all.every(isText) ? all.map(({ text }) => text).join('') : all;
}

function checkPart(value: unknown, path: string, faults: JobFaults): CheckedPart | null {
  const type = isJsonObject(value) ? value['type'] : undefined;
  if (!isJsonObject(value) || type === undefined || type === 'text')
    return faults.check(textPartSchema, value, path) ?? null;
  if (type === 'image' || type === 'file') {
    return Object.hasOwn(value, 'file')
      ? checkLinkedPart(type, value, path, faults)
      : checkDataPart(type, value, path, faults);
  }
  if (type === 'image_url') return checkImageUrl(value, path, faults);
  const word = typeof type === 'string' ? type : '';
  const meant = (Object.hasOwn(ALIASES, word) ? ALIASES[word] : undefined) ?? nearest(word, TYPES);
  const hint = meant === null ? undefined : `Did you mean ${meant}?`;
  faults.add('InvalidJob', `${path}.type`, anyOf(TYPES.map((known) => `"${known}"`)), describe(type), hint);
  return null;
}

function checkLinkedPart(
  type: 'image' | 'file',
  value: JsonObject,
  path: string,
  faults: JobFaults,
): AttachmentSource | null {
  const given = faults.check(linkedPartSchema, value, path);
  const file = value['file'];
  const objection = typeof file === 'string' ? linkObjection(file) : null;
  if (typeof file === 'string' && objection !== null)
    refuseLink(`${path}.file`, LINK_EXPECTED, file, objection, faults);
  if (given === undefined || objection !== null) return null;
  const media_type = given.media_type?.toLowerCase() ?? null;
  if (!isImageWhereSaid(type, media_type, path, faults)) return null;
  return { type, from: { file: given.file }, media_type, filename: null };
}

function checkDataPart(
  type: 'image' | 'file',
  value: JsonObject,
  path: string,
  faults: JobFaults,
): AttachmentSource | null {
  if (!Object.hasOwn(value, 'data')) {
    const expected = `"file" (a path such as "data/${type === 'image' ? 'photo.png' : 'paper.pdf'}") or "data" (base64)`;
    const hint = Object.hasOwn(value, 'url') ? URL_HINT : undefined;
    faults.add('InvalidJob', path, expected, 'neither', hint);
    return null;
  }
  const given =
    type === 'image'
      ? faults.check(dataPartSchemas.image, value, path)
      : faults.check(dataPartSchemas.file, value, path);
  if (given === undefined) return null;
  const data = readBase64(given.data, `${path}.data`, faults);
  const media_type = given.media_type?.toLowerCase() ?? null;
  if (data === null || !isImageWhereSaid(type, media_type, path, faults)) return null;
  const filename = 'filename' in given && typeof given.filename === 'string' ? given.filename : null;
  return { type, from: { data }, media_type, filename };
}

const URL_HINT =
  'Nothing is fetched from the network: save it under data/ and write {"type": "image", "file": "data/…"}.';

/** The shape that OpenAI's API and many others have for images. */
function checkImageUrl(value: JsonObject, path: string, faults: JobFaults): AttachmentSource | null {
  const given = faults.check(imageUrlPartSchema, value, path);
  if (given === undefined) return null;
  const at = `${path}.image_url.url`;
  const { url } = given.image_url;
  const expected = '"data:image/png;base64,…"';
  const parsed = /^data:([^,;]+);base64,/i.exec(url.slice(0, 200));
  const media_type = parsed?.[1]?.toLowerCase();
  if (parsed === null || media_type === undefined) {
    const isData = /^data:/i.test(url);
    faults.add(
      isData ? 'InvalidJob' : 'LinkRefused',
      at,
      expected,
      describe(url),
      isData ? undefined : URL_HINT,
    );
    return null;
  }
  if (!MEDIA_TYPE_PATTERN.test(media_type) || !media_type.startsWith('image/')) {
    const hint = 'For another file: {"type": "file", "data": …, "media_type": …}.';
    faults.add('InvalidJob', at, expected, describe(url), hint);
    return null;
  }
  const data = readBase64(url.slice(parsed[0].length), at, faults);
  return data === null ? null : { type: 'image', from: { data }, media_type, filename: null };
}

/** Base64 in its one form, so that the same bytes are the same work; null where it is none. */
function readBase64(text: string, path: string, faults: JobFaults): string | null {
  const bare = text.replaceAll(/[\t\n\r ]/g, '');
  const data = Buffer.from(bare, 'base64').toString('base64');
  if (data !== '' && data.replace(/=+$/, '') === bare.replace(/=+$/, '')) return data;
  faults.add('InvalidJob', path, BASE64_EXPECTED, describe(text));
  return null;
}

function isImageWhereSaid(
  type: 'image' | 'file',
  media_type: string | null,
  path: string,
  faults: JobFaults,
): boolean {
  if (type === 'file' || media_type === null || media_type.startsWith('image/')) return true;
  const hint = 'For another file write "type": "file".';
  faults.add(
    'InvalidJob',
    `${path}.media_type`,
    'a type of images, such as "image/png"',
    describe(media_type),
    hint,
  );
  return false;
}
