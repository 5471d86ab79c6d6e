/** What an instance and its guard say to each other, over the channel that Node gives a forked process. */
import type { ChildEnd, ChildSpec } from '../core/ports/children.ts';

/** From the instance. When the channel closes, every child is killed. */
export type GuardOrder =
  | { readonly type: 'spawn'; readonly id: number; readonly spec: ChildSpec }
  | { readonly type: 'write'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: 'close_stdin'; readonly id: number }
  | { readonly type: 'kill'; readonly id: number; readonly grace_ms: number }
  | { readonly type: 'ping' };

/** From the guard. `ended` is the last that is said of a child. */
export type GuardNews =
  | { readonly type: 'started'; readonly id: number; readonly pid: number }
  | { readonly type: 'stdout' | 'stderr'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: 'ended'; readonly id: number; readonly end: ChildEnd }
  | { readonly type: 'pong' };
