/**
 * Every limit of promptd, named with its unit last, and its reason. `docs/configuration.md` is checked against this table.
 * A duration is measured on a monotonic clock; wall time is only ever stored.
 */
export const LIMITS = {
  /** One attempt, whatever it does. Ten minutes covers long local generations. */
  attempt_timeout_ms: 600_000,
  /** Until the first token: a large local model may have to be loaded from disk first. */
  first_token_timeout_ms: 300_000,
  /** Between two tokens: a server that has begun and says nothing for a minute is taken to hang. */
  stall_timeout_ms: 60_000,
  /** `errored` and `timed_out` attempts of one run. */
  max_attempts: 4,
  /** The same error this many times in a row will not become another one by trying. */
  identical_errors_max: 3,
  /** Attempts of one run that ended with their instance: more are a poison pill. */
  lost_max: 5,
  /** Attempts ended by shutdowns: none is the job's fault, but everything ends. */
  interrupted_max: 20,
  /** Retry n waits a random time up to base × 2ⁿ (full jitter), so that a crowd of failures spreads out. */
  backoff_base_ms: 1_000,
  backoff_max_ms: 300_000,
  /** A server may ask for at most this much patience in one Retry-After. */
  retry_after_max_ms: 3_600_000,
  /** Throttled for a whole day without a break: the run fails with a reason. */
  rate_limited_for_max_ms: 86_400_000,
  /** The term of a lease: after a silence this long an instance's attempts are somebody else's. */
  lease_ttl_ms: 15_000,
  /** Three heartbeats fit into a term, so one may be lost. */
  heartbeat_ms: 5_000,
  /** A dispatch is accepted at once by a loop that is free; longer means that the connection is dead. */
  accept_timeout_ms: 5_000,
  /** From the first byte of a connection to a valid hello. */
  hello_timeout_ms: 5_000,
  /** What an instance said at its hello to have in its spool is waited for so long before its run is asked again. */
  spooled_wait_ms: 15_000,
  /** A frame that has begun must end within this time. */
  frame_timeout_ms: 30_000,
  /** Between the polite and the final end of what a cancelled attempt runs. */
  cancel_grace_ms: 5_000,
  /** A graceful stop ends within this time, with whatever has ended by then. */
  stop_deadline_ms: 30_000,
  /** How long an answer about a job waits for what the instance says (R25). */
  live_state_wait_ms: 250,
  /** Attempts that the local instance runs at a time: they mostly wait for a server. */
  slots: 64,
  max_concurrent: 16,
  /** Ollama serves one request at a time unless configured otherwise. */
  max_concurrent_per_ollama_url: 1,
  /** How long a lane of another model waits before a sticky endpoint switches. */
  model_switch_after_ms: 300_000,
  /** A hold (no key, no server, no model) is probed after this time, doubling up to the maximum. */
  hold_probe_min_ms: 5_000,
  hold_probe_max_ms: 300_000,
  job_bytes_max: 16 * 1024 * 1024,
  result_bytes_max: 64 * 1024 * 1024,
  /** Files beside the text of one answer. */
  answer_files_max: 1_000,
  submission_jobs_max: 100_000,
  submission_bytes_max: 256 * 1024 * 1024,
  /** Before the hello nobody is known, so nobody is given memory. */
  frame_bytes_before_hello_max: 16 * 1024,
  /** Room for the largest result, its log and its head in one frame. */
  frame_bytes_max: 80 * 1024 * 1024,
  turn_events_max: 5_000,
  /** Outcomes in one turn: instances work on the slots that it frees while the next turn commits the others. */
  turn_outcomes_max: 50,
  log_bytes_max: 8 * 1024 * 1024,
  /** Logs of ended attempts, unless `logs.retention` says otherwise. */
  log_retention_ms: 7 * 86_400_000,
  /** The log of a process of promptd's own; the one before it is kept as well. */
  process_log_bytes_max: 16 * 1024 * 1024,
  spool_bytes_max: 1024 * 1024 * 1024,
  wal_bytes_max: 64 * 1024 * 1024,
  /** Below this the server refuses new work and keeps what it has. */
  disk_free_min_bytes: 512 * 1024 * 1024,
  /** A detached server with nothing to do ends by itself. */
  idle_exit_ms: 60_000,
  /** A local instance whose server is gone and which holds nothing ends by itself. */
  orphan_ttl_ms: 600_000,
  /** Followers of one answer that are settled in one turn. */
  followers_per_turn_max: 500,
  /** Rows that become due in one turn. */
  due_per_turn_max: 1_000,
  /** Longest single timer: a due date beyond it is looked at again then. */
  timer_max_ms: 3_600_000,
  template_time_ms: 1_000,
  template_output_bytes_max: 16 * 1024 * 1024,
  /** A prompt up to this size is repeated in its result file. */
  prompt_in_result_bytes_max: 64 * 1024,
  metadata_bytes_max: 256 * 1024,
  tags_max: 64,
  tag_length_max: 100,
  key_length_max: 500,
  /** Brackets inside each other in a job: deeper texts are accidents or attacks. */
  job_depth_max: 64,
  /** Faults that are listed for one job: after so many the first ones need mending. */
  faults_max: 100,
  /** A timer holds 2³¹−1 ms, 24.8 days: no single limit of time may be longer. */
  timeout_max_ms: 20 * 86_400_000,
  /** More attempts than anybody means. */
  max_attempts_max: 1_000,
  priority_max: 1_000_000_000,
  /** One data file of a prompt; larger ones are cut into rows before they are asked about. */
  data_file_bytes_max: 64 * 1024 * 1024,
  /** Bodies of submissions that are in memory at once, over all connections: beyond it 503, so that none is cut short. */
  http_bodies_bytes_max: 512 * 1024 * 1024,
  /** Every request but a submission is small; this has room for 50,000 names. */
  request_bytes_max: 16 * 1024 * 1024,
  http_connections_max: 2_000,
  /** A client that does not finish its headers, or its body, holds a connection no longer than this. */
  http_headers_timeout_ms: 10_000,
  http_request_timeout_ms: 300_000,
  /** Wrong keys from one address in a minute: beyond it they are answered 429. */
  auth_failures_per_minute: 30,
  /** Longest `?wait=`: the caller asks again, so that no proxy in between cuts it. */
  wait_max_ms: 300_000,
  /** Between two comments on an idle stream: shorter than the idle time of usual proxies. */
  sse_heartbeat_ms: 15_000,
  /** What a reader of a stream may be behind: beyond it, or after this time without reading, it is disconnected and may resume. */
  follower_buffer_bytes_max: 1024 * 1024,
  slow_reader_ms: 30_000,
  /** Lines of one page of a list. */
  page_runs: 50,
  page_runs_max: 1_000,
  /** Faults named in one answer: more say nothing new. */
  faults_shown_max: 100,
  /** Why lanes wait is asked of the scheduler at most this often. */
  lanes_cache_ms: 250,
  /** A result of usual size is taken apart in milliseconds; one that was made to be slow is given up. */
  analysis_timeout_ms: 10_000,
  /** A script of a job: prompts and commands are made in seconds. */
  script_timeout_ms: 60_000,
  /** What a script may print: as much as a job may have. */
  script_output_bytes_max: 16 * 1024 * 1024,
  /** How often an AI package is asked whether its answer is there (R32). */
  package_poll_ms: 1_000,
  /** A function of an AI package that has not returned by then hangs; its process is replaced. */
  package_call_timeout_ms: 30_000,
  /** An AI package that loads a model as it is imported takes minutes. */
  package_start_timeout_ms: 600_000,
  /** An id that says "generating" for so long after its attempt ended is given up: its process is replaced. */
  package_quarantine_ms: 600_000,
  /** Answers are checked against schemas in a thread of their own; one that takes longer is given up. */
  schema_check_timeout_ms: 5_000,
  /** Results that wait to be taken apart, one after the other. */
  analyses_waiting_max: 32,
  /** A file in `jobs/` that is whole but wrong, or a batch, is judged when it has not changed for so long: it may be being written. */
  folder_rest_ms: 2_000,
  /** One that is no JSON (yet) is waited for this long after its last change. */
  folder_unfinished_ms: 10_000,
  http_port: 7433,
  instances_port: 7434,
} as const;

/** Larger than any integer that JSON numbers carry exactly; such integers are refused at the text. */
export const INTEGER_MAX = Number.MAX_SAFE_INTEGER;
