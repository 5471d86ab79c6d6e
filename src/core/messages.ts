/** A built prompt: what a model is sent, the same for every platform. */
export type Role = 'system' | 'user' | 'assistant';

export interface Message {
  readonly role: Role;
  /** A list where it carries attachments; texts alone are one text. */
  readonly content: string | readonly MessagePart[];
}

export type MessagePart = TextPart | AttachedPart;

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

/** An image or another file. Its bytes are stored once, as a body of base64 text, and named here by that body's hash. */
export interface AttachedPart {
  readonly type: 'image' | 'file';
  /** Such as `image/png`, `application/pdf`. */
  readonly media_type: string;
  /** SHA-256 (hex) of the base64 text. */
  readonly body_sha256: string;
  /** Size of the file. */
  readonly bytes: number;
  /** Of a `file`: the name that the platform is told. An image has none, so that its name makes no other work of it. */
  readonly filename?: string;
}

/** Base64 text by its SHA-256 (hex): what the attached parts of some messages name. */
export type Attachments = Readonly<Record<string, string>>;

export function isAttached(part: MessagePart): part is AttachedPart {
  return part.type !== 'text';
}

/** Hashes of the bodies that the messages name, each once. */
export function attachedBodies(messages: readonly Message[]): string[] {
  const hashes = new Set<string>();
  for (const { content } of messages) {
    if (typeof content === 'string') continue;
    for (const part of content) if (isAttached(part)) hashes.add(part.body_sha256);
  }
  return [...hashes];
}

/** What is text in a message: all of it, or its text parts one after the other. */
export function textOf({ content }: Message): string {
  if (typeof content === 'string') return content;
  return content.map((part) => (isAttached(part) ? '' : part.text)).join('');
}
