/** Images and files of messages: read, given their type, and named by the hash of their base64. */
import { describe } from '../core/describe.ts';
import type { Fault } from '../core/errors.ts';
import { sha256 } from '../core/identity.ts';
import type { AttachmentSource, CheckedMessage, CheckedPart } from '../core/job.ts';
import { LIMITS } from '../core/limits.ts';
import type { AttachedPart, Message, MessagePart } from '../core/messages.ts';
import type { LinkReader } from '../core/ports/link-reader.ts';
import { faultOf, faultOfFile } from './link-faults.ts';
import { mediaTypeOf } from './media-types.ts';
import { shared } from './shared.ts';

interface Read {
  readonly bytes: Uint8Array;
  readonly data: string;
  readonly sha256: string;
}

export class AttachmentFiles {
  readonly #links: LinkReader;
  readonly #reads = new Map<string, Promise<Read>>();

  constructor(links: LinkReader) {
    this.#links = links;
  }

  /**
   * The messages with what they have attached, which is collected in `attachments`. What is wrong is added to `faults`, and
   * the part left out.
   */
  async attach(
    messages: readonly CheckedMessage[],
    attachments: Map<string, string>,
    faults: Fault[],
  ): Promise<readonly Message[]> {
    const attached = await Promise.all(
      messages.map(async ({ role, content }, index): Promise<Message> => {
        if (typeof content === 'string') return { role, content };
        const at = `prompt.messages[${index}].content`;
        const parts = await Promise.all(
          content.map((part, place) => this.#part(part, `${at}[${place}]`, attachments, faults)),
        );
        return { role, content: parts.filter((part) => part !== null) };
      }),
    );
    const size = [...attachments.values()].reduce((sum, { length }) => sum + length, 0);
    if (size > LIMITS.job_bytes_max) faults.push(tooMuch(size));
    return attached;
  }

  async #part(
    part: CheckedPart,
    at: string,
    attachments: Map<string, string>,
    faults: Fault[],
  ): Promise<MessagePart | null> {
    if (part.type === 'text') return part;
    let read: Read;
    try {
      read = await this.#read(part);
    } catch (error) {
      faults.push(faultOfFile(error, `${at}.file`, 'file' in part.from ? part.from.file : ''));
      return null;
    }
    if (read.bytes.length === 0) {
      faults.push(
        faultOf('DataMissing', `${at}.file`, 'a file with something in it', 'an empty file', undefined),
      );
      return null;
    }
    const media_type = part.media_type ?? mediaTypeOf(read.bytes, nameOf(part) ?? '');
    const fault = faultOfType(part, media_type, at);
    if (media_type === null || fault !== null) {
      if (fault !== null) faults.push(fault);
      return null;
    }
    attachments.set(read.sha256, read.data);
    return partOf(part, media_type, read);
  }

  #read({ from }: AttachmentSource): Promise<Read> {
    if ('data' in from) return Promise.resolve(readOf(Buffer.from(from.data, 'base64')));
    return shared(this.#reads, from.file, async () => readOf(await this.#links.read(from.file)));
  }
}

function readOf(bytes: Uint8Array): Read {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  return { bytes, data, sha256: sha256(data) };
}

function partOf(
  part: AttachmentSource,
  media_type: string,
  { bytes, sha256: body_sha256 }: Read,
): AttachedPart {
  const common = { media_type, body_sha256, bytes: bytes.length };
  // Platforms know images by their type alone, whichever word the job had for them.
  if (media_type.startsWith('image/')) return { type: 'image', ...common };
  const filename = nameOf(part);
  return { type: 'file', ...common, ...(filename === null ? {} : { filename }) };
}

function faultOfType(part: AttachmentSource, media_type: string | null, at: string): Fault | null {
  const linked = 'file' in part.from ? part.from.file : null;
  const got = linked === null ? 'bytes of an unknown kind' : describe(linked);
  if (media_type === null) {
    const hint = 'Neither its first bytes nor its name say what it is: add "media_type": "application/…".';
    return faultOf('InvalidJob', `${at}.media_type`, 'a media type', got, hint);
  }
  if (part.type === 'file' || media_type.startsWith('image/')) return null;
  const expected = 'an image (PNG, JPEG, WebP, GIF)';
  return faultOf(
    'InvalidJob',
    at,
    expected,
    `${got}, which is ${media_type}`,
    'For another file write "type": "file".',
  );
}

/** What the platform is told of a file's name. */
function nameOf({ from, filename }: AttachmentSource): string | null {
  return 'file' in from ? from.file.slice(from.file.lastIndexOf('/') + 1) : filename;
}

function tooMuch(size: number): Fault {
  const expected = `attachments of at most ${LIMITS.job_bytes_max} bytes together, as base64`;
  return faultOf(
    'TooLarge',
    'prompt.messages',
    expected,
    `${size} bytes`,
    'Make the images smaller, or send fewer.',
  );
}
