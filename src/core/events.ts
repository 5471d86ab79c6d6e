/**
 * What happens, as typed events. Logs, metrics, SSE and tests listen to these and to nothing else. Each is told after the
 * commit that made it true.
 */
import type { Gate } from './gate.ts';
import type { ReasonCode } from './reasons.ts';
import type { AttemptOutcome, Charge } from './rows.ts';
import type { RunEvent, RunState } from './states.ts';

export type PromptdEvent =
  | {
      readonly type: 'run_changed';
      readonly name: string;
      readonly run: number;
      readonly batch: string | null;
      /** Null for a new run. */
      readonly from: RunState | null;
      readonly by: RunEvent | 'accept';
      readonly to: RunState;
      readonly attempt: number;
      readonly reason_code: ReasonCode | null;
    }
  | {
      readonly type: 'attempt_started';
      readonly name: string;
      readonly run: number;
      readonly attempt: number;
      readonly instance: number;
    }
  | {
      readonly type: 'attempt_ended';
      readonly name: string;
      readonly run: number;
      readonly attempt: number;
      readonly instance: number;
      readonly outcome: AttemptOutcome;
      readonly charged_for: Charge | null;
      readonly reason_code: ReasonCode | null;
    }
  | {
      readonly type: 'answer_dropped';
      readonly name: string;
      readonly run: number;
      readonly attempt: number;
      /**
       * `completed_before`: another attempt had brought one, so this was paid for twice. `sent_again`: the very answer that
       * was accepted, whose acknowledgement was lost. `kept`: the run had failed or was cancelled.
       */
      readonly why: 'completed_before' | 'sent_again' | 'no_such_run' | 'kept';
    }
  | { readonly type: 'instance_attached'; readonly instance: number; readonly name: string }
  | { readonly type: 'instance_detached'; readonly instance: number; readonly name: string }
  | { readonly type: 'gate_closed'; readonly gate: Gate }
  | { readonly type: 'gate_opened'; readonly key: string }
  | { readonly type: 'to_publish'; readonly count: number }
  | { readonly type: 'published'; readonly count: number }
  | { readonly type: 'turn'; readonly events: number; readonly changes: number; readonly turn_ms: number }
  | {
      readonly type: 'turn_failed';
      readonly code: 'DiskLow' | 'StoreBusy' | 'Internal';
      readonly message: string;
    };
