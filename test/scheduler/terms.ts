/** Where the scheduler of a test listens, and the durations that its rules speak of. */
import { LIMITS } from '../../src/core/limits.ts';
import { FRAME_LIMITS } from '../../src/wire/messages.ts';

export const PORT = 7434;
export const FRAMES = {
  frame_bytes_before_max: FRAME_LIMITS.before,
  frame_bytes_max: FRAME_LIMITS.after,
  frame_timeout_ms: LIMITS.frame_timeout_ms,
};
export const {
  lease_ttl_ms: TERM,
  heartbeat_ms: BEAT,
  cancel_grace_ms: GRACE,
  accept_timeout_ms: ACCEPT,
} = LIMITS;
