/**
 * What an instance and the process of one attempt say to each other: frames as on the wire, over the process's stdin and
 * stdout. What comes from the process is checked before it is believed.
 */
import { z } from 'zod';
import type { AttemptOrder } from '../core/attempt.ts';
import type { EndpointConfig } from '../core/endpoints.ts';
import { LIMITS } from '../core/limits.ts';
import type { ChildEnd } from '../core/ports/children.ts';
import type { AbortReason } from '../core/ports/runner.ts';
import { REPORT } from '../wire/messages.ts';

/** Where the attempt runs: the part of the instance's configuration that it needs. No key is in it, only where one is. */
export interface AttemptPlace {
  /** With the one server that this attempt asks. */
  readonly endpoint: EndpointConfig;
  readonly root: string | null;
  readonly allow_exec: boolean;
  readonly pass_env: readonly string[];
}

export type ToAttempt =
  /** The first message, once. */
  | { readonly t: 'run'; readonly order: AttemptOrder; readonly place: AttemptPlace }
  | { readonly t: 'abort'; readonly reason: AbortReason }
  /** The instance is ending: programs that are killed from now on are interrupted, and have not failed. */
  | { readonly t: 'drain' }
  | ProgramNews;

/** Of a program that the instance started for the attempt. `ended` is the last that is said of it. */
export type ProgramNews =
  | { readonly t: 'started'; readonly id: number; readonly pid: number }
  | { readonly t: 'stdout' | 'stderr'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly t: 'ended'; readonly id: number; readonly end: ChildEnd };

const id = z.int().nonnegative();
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'bytes');

/** Programs of the user are children of the instance's guard, never of the attempt: they are asked for, and are told of. */
const PROGRAM_WISH = [
  z.object({
    t: z.literal('spawn'),
    id,
    spec: z.object({
      argv: z.tuple([z.string()], z.string()),
      env: z.record(z.string(), z.string()),
      cwd: z.string().nullable(),
      output_bytes_max: z.int().nonnegative(),
    }),
  }),
  z.object({ t: z.literal('write'), id, bytes }),
  z.object({ t: z.literal('close_stdin'), id }),
  z.object({ t: z.literal('kill'), id, grace_ms: z.number().nonnegative() }),
] as const;

export const FROM_ATTEMPT = z.discriminatedUnion('t', [
  z.object({
    t: z.literal('phase'),
    phase: z.enum(['starting', 'building', 'calling', 'streaming', 'ending']),
  }),
  z.object({ t: z.literal('text'), pieces: z.array(z.string()) }),
  z.object({ t: z.literal('log'), stream: z.enum(['info', 'stdout', 'stderr']), text: z.string() }),
  /** The last message. */
  z.object({ t: z.literal('report'), report: REPORT.omit({ store_id: true, log: true }) }),
  ...PROGRAM_WISH,
]);
export type FromAttempt = z.infer<typeof FROM_ATTEMPT>;
export type ProgramWish = z.infer<(typeof PROGRAM_WISH)[number]>;

/** Room for the largest outcome with the prompt that scripts made for it; the wire judges it afterwards. */
export const ATTEMPT_FRAME_BYTES_MAX = 2 * LIMITS.frame_bytes_max;
