/**
 * promptd as a library: the client of a server, names of jobs and of the files that carry them, and the shapes of what
 * travels. Nothing here starts anything.
 */
export {
  type CallOptions,
  Client,
  type ClientOptions,
  connect,
  type DetailPart,
  type FollowOptions,
  type Ref,
  type RerunOptions,
  type Selection,
} from './client/client.ts';
export type { Address } from './client/connection.ts';
export type { JobFilter } from './client/filter.ts';
export type { EventItem } from './client/follow-events.ts';
export type { LogItem } from './client/follow-logs.ts';
export type { JobIn } from './client/job-in.ts';
export type { LotOptions } from './client/lot-answers.ts';
export type { LotLimits } from './client/lots.ts';
export type { Health, Stats } from './client/server-views.ts';
export { type ErrorCode, ERRORS, EXIT, type Fault, Problem, type ProblemBody } from './core/errors.ts';
export type { Analysis, CodeBlock, HeadingNode, Link, List, ListItem, Table } from './core/analysis.ts';
export type { Json, JsonObject } from './core/json.ts';
export { LIMITS } from './core/limits.ts';
export {
  formatRunRef,
  isName,
  jobFileName,
  parseRunRef,
  resultFileName,
  type RunRef,
  splitResultFileName,
} from './core/names.ts';
export type { Timer, Timers } from './core/ports/clock.ts';
export type { CountBy, CountRow } from './core/ports/read-store.ts';
export type {
  CancelVerdict,
  EndpointStatus,
  InstanceStatus,
  LogPiece,
  RerunVerdict,
  RetryOptions,
  RetryVerdict,
  RunAnswer,
} from './core/ports/scheduler.ts';
export { REASONS, type ReasonCode } from './core/reasons.ts';
export { hasEnded, RUN_STATES, type RunState } from './core/states.ts';
export type { Usage } from './core/usage.ts';
export type {
  AttemptView,
  BatchView,
  JobDetail,
  JobLine,
  JobOfResultView,
  JobView,
  LotView,
  NextRuns,
  ReasonView,
  ResultNamesView,
  ResultNameView,
  ResultView,
  RunEventView,
} from './core/views.ts';
export { systemFolderNames } from './platform/folder-names.ts';
export { systemTimers } from './platform/timers.ts';
export { analyse } from './reading/analyse.ts';
export { jobOf, Lookup, type LookupOptions, type NullResult, type ResultName } from './workspace/lookup.ts';
