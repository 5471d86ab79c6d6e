/** What comes into a turn, and what leaves it once it is committed. Plain values, so that a turn can be repeated. */
import type { Adoption, AdoptionVerdict } from './adoption.ts';
import type { Acknowledgement, AttemptRef, AttemptReport, HashedAnswer, SpentInVain } from './attempt.ts';
import type { PromptdEvent } from './events.ts';
import type { RunRef } from './names.ts';
import type { EndpointRow, KeyRow, LaneNeeds, PublicationRow } from './rows.ts';
import type { LogPlace } from './ports/logs.ts';
import type { CancelVerdict, RetryOptions, RetryVerdict, RunAnswer } from './ports/scheduler.ts';
import type { OnInvalid, PreparedJob, SubmitReceipt } from './submission.ts';

/** What ended a lease whose outcome nobody brought. */
export type LeaseProof =
  /** Its term ended and nobody renewed it. */
  | 'expired'
  /** Its process is gone, or another one has come under its name. */
  | 'process_gone'
  /** The instance came back without it: the dispatch never arrived. */
  | 'never_arrived'
  /** The attempt's time limit and the grace behind it are over. */
  | 'deadline'
  /** A cancel was not confirmed within the grace. */
  | 'cancel_grace';

/** What an instance says at its hello to hold: it runs, or its outcome lies in the spool. */
export interface HeldAttempt extends AttemptRef {
  readonly store_id: string;
  readonly spooled: boolean;
}

export type TurnEvent =
  | { readonly type: 'submit'; readonly jobs: readonly PreparedJob[]; readonly on_invalid: OnInvalid }
  | { readonly type: 'cancel'; readonly runs: readonly RunRef[] }
  | { readonly type: 'retry'; readonly runs: readonly RunRef[]; readonly options: RetryOptions }
  | { readonly type: 'adopt'; readonly adoptions: readonly Adoption[] }
  /** Another content took the place of the job files of these runs. */
  | { readonly type: 'publish_jobs'; readonly runs: readonly RunRef[] }
  | { readonly type: 'put_key'; readonly key: KeyRow }
  | { readonly type: 'put_endpoint'; readonly endpoint: EndpointRow }
  /** An instance said hello: it gets its id. */
  | { readonly type: 'greet'; readonly name: string; readonly process_id: string; readonly local: boolean }
  /** It has said what it holds: from now on it gets work. */
  | {
      readonly type: 'settle';
      readonly instance: number;
      readonly process_id: string;
      readonly slots: number;
      readonly endpoints: readonly string[];
      readonly needs: readonly LaneNeeds[];
      readonly held: readonly HeldAttempt[];
    }
  | { readonly type: 'detach'; readonly instance: number }
  | { readonly type: 'drain'; readonly instance: number; readonly draining: boolean }
  /** The process of an instance is surely gone, and its leases with it. */
  | { readonly type: 'process_gone'; readonly instance: number }
  | {
      readonly type: 'report';
      readonly instance: number;
      readonly report: AttemptReport;
      /** The report's answer with its hash, null where it has none. */
      readonly answer: HashedAnswer | null;
      /** What a refused answer took; null where none is told of. */
      readonly spent: SpentInVain | null;
      /** SHA-256 (hex) of the report's prompt; null where it has none. */
      readonly prompt_sha256: string | null;
      readonly log: LogPlace | null;
    }
  | {
      readonly type: 'lease_ended';
      readonly name: string;
      readonly run: number;
      readonly attempt: number;
      readonly proof: LeaseProof;
    }
  | { readonly type: 'due' }
  /** Runs of this digest wait, and the one that led has ended. */
  | {
      readonly type: 'settle_followers';
      readonly digest: string;
      /** Id of the run that led; null where that is not known any more, after a restart. */
      readonly ended: number | null;
    }
  | { readonly type: 'published'; readonly publications: readonly PublicationRow[] }
  /** A result file's name is taken by other bytes: it needs another epoch. */
  | { readonly type: 'republish'; readonly publication: PublicationRow }
  /** Something outside the store changed that may let runs start: a gate's time, a pause. */
  | { readonly type: 'wake' };

/** What an event that somebody waits for is answered with. */
export type Receipt =
  | { readonly type: 'submit'; readonly value: SubmitReceipt }
  | { readonly type: 'cancel'; readonly value: readonly RunAnswer<CancelVerdict>[] }
  | { readonly type: 'retry'; readonly value: readonly RunAnswer<RetryVerdict>[] }
  | { readonly type: 'adopt'; readonly value: readonly AdoptionVerdict[] }
  | { readonly type: 'greet'; readonly id: number }
  | { readonly type: 'done' };

export type AbortCause = 'cancelled' | 'superseded' | 'lease_lost';

export type Effect =
  | { readonly type: 'receipt'; readonly event: number; readonly receipt: Receipt }
  /** The outcome is on disk or unwanted: the instance may forget it. */
  | { readonly type: 'acknowledge'; readonly instance: number; readonly attempt: Acknowledgement }
  | {
      readonly type: 'abort';
      readonly instance: number;
      readonly attempt: AttemptRef;
      readonly cause: AbortCause;
    }
  /** The stored order of this run goes to this instance. */
  | {
      readonly type: 'dispatch';
      readonly instance: number;
      readonly job: number;
      readonly attempt: AttemptRef;
      readonly attempt_timeout_ms: number;
      readonly endpoint: string;
    }
  /** A lease that was found again on its instance runs for another term. */
  | { readonly type: 'renew'; readonly key: string; readonly attempt: number }
  | { readonly type: 'cancel_wait'; readonly key: string; readonly attempt: number }
  | { readonly type: 'lease_dropped'; readonly key: string; readonly attempt: number }
  | { readonly type: 'follow_up'; readonly event: TurnEvent }
  /** A gate closed: placement is worth another look at this monotonic time. */
  | { readonly type: 'wake_at'; readonly at_m: number }
  | { readonly type: 'due_at'; readonly at: number }
  /** What was due has been handled: ask the store what is due next. */
  | { readonly type: 'look_due' }
  | { readonly type: 'publish' }
  | { readonly type: 'event'; readonly event: PromptdEvent };

/** Time and chance of one turn. */
export interface TurnMoment {
  /** Wall time, Unix ms. */
  readonly now: number;
  /** Monotonic ms. */
  readonly now_m: number;
  readonly random: () => number;
  readonly store_id: string;
}
