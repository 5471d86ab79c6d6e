/** A place in the logs of a run: an attempt, and a byte offset within its log. As an SSE id: `<attempt>:<offset>`. */

export interface LogPosition {
  readonly attempt: number;
  readonly offset: number;
}

export function formatPosition(position: LogPosition): string {
  return `${position.attempt}:${position.offset}`;
}

/** The inverse of {@link formatPosition}; null where the text is none. */
export function parsePosition(text: string): LogPosition | null {
  const match = /^([1-9]\d{0,8}):(\d{1,15})$/.exec(text);
  return match === null ? null : { attempt: Number(match[1]), offset: Number(match[2]) };
}
