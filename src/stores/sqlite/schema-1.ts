/**
 * Version 1 of the tables. Columns carry the names of core/rows.ts; what is stored otherwise is said here.
 *
 * No foreign keys: rows are never deleted, one writer chooses all ids, and each check would cost a lookup per job. What
 * points at a body does so by its row id, which cannot be written before the body is there.
 * Conditions of a commit are unique indexes as well, so that no mistake of ours can put two leaders or two answers on disk.
 */
export const SCHEMA_1 = `
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Specifications, prompts and answers: each text once, by its hash, out of the way of the rows that change.
CREATE TABLE bodies (
  id INTEGER PRIMARY KEY,
  sha256 BLOB NOT NULL CONSTRAINT sha256_has_32_bytes CHECK (length(sha256) = 32),
  body TEXT NOT NULL
) STRICT;

-- The index of bodies by hash, up to the row named by bodies_filed in meta; see body-keys.ts. key: its first 48 bits.
CREATE TABLE body_keys (
  key INTEGER NOT NULL,
  body INTEGER NOT NULL,
  PRIMARY KEY (key, body)
) STRICT, WITHOUT ROWID;

-- The hot row. superseded: 0 the latest run of its name; 1 there is a later one; 2 there is one in the same batch.
-- leads: 1 while the run leads its digest, and for ever where it answered as its leader. So one unique index says both that
-- nobody asks what another asks and that nobody asks what was answered; and completing a run does not touch it, which would
-- dirty a page of its own for each job. last_epoch: the largest epoch that it ever had. completed: once 1, the state cannot be another; a trigger over the state
-- would say the same, and cost a third of every move.
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  run INTEGER NOT NULL CONSTRAINT runs_count_from_1 CHECK (run > 0),
  type TEXT NOT NULL,
  source TEXT NOT NULL,
  lane INTEGER NOT NULL,
  endpoint TEXT NOT NULL,
  model TEXT NOT NULL,
  digest TEXT NOT NULL,
  batch TEXT,
  key TEXT,
  max_attempts INTEGER NOT NULL,
  attempt_timeout_ms INTEGER NOT NULL,
  submitted_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  priority INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  leads INTEGER NOT NULL,
  due_at INTEGER,
  attempt INTEGER NOT NULL,
  instance INTEGER,
  errors INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  interrupted INTEGER NOT NULL,
  rate_limited_since INTEGER,
  last_error TEXT,
  same_errors INTEGER NOT NULL,
  cancel_requested_at INTEGER,
  reason_code TEXT,
  reason_message TEXT,
  started_at INTEGER,
  finished_at INTEGER,
  epoch INTEGER,
  answered_by INTEGER,
  superseded INTEGER NOT NULL DEFAULT 0,
  last_epoch INTEGER NOT NULL DEFAULT 0,
  completed INTEGER NOT NULL DEFAULT 0,
  -- Chains of OR, the commonest first: IN with a list would build a table of it at every single write.
  CONSTRAINT states_of_a_run CHECK (
    state = 'completed' OR state = 'running' OR state = 'queued' OR state = 'blocked' OR state = 'retrying'
    OR state = 'scheduled' OR state = 'failed' OR state = 'cancelled'),
  CONSTRAINT completed_is_final CHECK ((completed = 1) = (state = 'completed')),
  CONSTRAINT only_work_under_way_or_answered_leads CHECK (
    leads = 0 OR (leads = 1 AND (state = 'completed' OR state = 'running' OR state = 'queued' OR state = 'retrying'))),
  CONSTRAINT due_while_scheduled_or_retrying CHECK (
    (due_at IS NULL) = (state <> 'scheduled' AND state <> 'retrying')),
  CONSTRAINT ended_has_its_time CHECK (
    finished_at IS NOT NULL OR (state <> 'completed' AND state <> 'failed' AND state <> 'cancelled'))
) STRICT;
CREATE UNIQUE INDEX jobs_by_name ON jobs (name, run);
CREATE UNIQUE INDEX jobs_leading ON jobs (digest) WHERE leads = 1;
CREATE INDEX jobs_to_claim ON jobs (lane, priority DESC, rank, id) WHERE state = 'queued';
CREATE INDEX jobs_due ON jobs (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_blocked ON jobs (digest, priority DESC, rank, id) WHERE state = 'blocked';
-- Answers that reached a run which did not lead: they came late, or were kept. There are few.
CREATE INDEX jobs_answered_late ON jobs (digest) WHERE completed = 1 AND leads = 0 AND answered_by IS NULL;
-- The beginning of a digest finds it as well as the whole (48 bits of it are a hash), on a third of the pages.
CREATE INDEX jobs_ended ON jobs (substr(digest, 1, 14), finished_at) WHERE state = 'failed' OR state = 'cancelled';
CREATE INDEX jobs_by_lane ON jobs (lane, state, id);
CREATE INDEX jobs_by_batch ON jobs (batch, state, id) WHERE batch IS NOT NULL;
CREATE INDEX jobs_by_reason ON jobs (reason_code, id) WHERE reason_code IS NOT NULL;
CREATE INDEX jobs_by_key ON jobs (key, id) WHERE key IS NOT NULL;

-- What is asked: spec and prompt are ids of bodies; options and metadata are JSON.
CREATE TABLE specs (
  job INTEGER PRIMARY KEY,
  spec INTEGER NOT NULL,
  prompt INTEGER NOT NULL,
  request TEXT NOT NULL,
  options TEXT NOT NULL,
  metadata TEXT,
  link TEXT NOT NULL
) STRICT;

CREATE TABLE tags (
  tag TEXT NOT NULL,
  job INTEGER NOT NULL,
  PRIMARY KEY (tag, job)
) STRICT, WITHOUT ROWID;

-- timings, usage, cost, parameters_sent, warnings and kept_answer are JSON.
CREATE TABLE attempts (
  job INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  instance INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  outcome TEXT,
  charged_for TEXT,
  reason_code TEXT,
  error TEXT,
  timings TEXT,
  usage TEXT,
  cost TEXT,
  parameters_sent TEXT,
  warnings TEXT NOT NULL,
  log_file TEXT,
  log_offset INTEGER NOT NULL,
  log_bytes INTEGER NOT NULL,
  kept_answer TEXT,
  PRIMARY KEY (job, attempt),
  CONSTRAINT outcomes_of_an_attempt CHECK (
    outcome IS NULL OR outcome = 'succeeded' OR outcome = 'errored' OR outcome = 'timed_out' OR outcome = 'lost'
    OR outcome = 'interrupted' OR outcome = 'rate_limited' OR outcome = 'cancelled'),
  CONSTRAINT ended_with_an_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
) STRICT, WITHOUT ROWID;

-- text is the id of a body; meta is JSON.
CREATE TABLE results (
  job INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  text INTEGER NOT NULL,
  text_bytes INTEGER NOT NULL,
  meta TEXT NOT NULL,
  accepted_at INTEGER NOT NULL
) STRICT;

-- seq keeps the order of insertion; epoch is 0 for job files, which have none.
CREATE TABLE to_publish (
  seq INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CONSTRAINT kinds_of_files CHECK (kind = 'result' OR kind = 'job' OR kind = 'ended'),
  job INTEGER NOT NULL,
  epoch INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX to_publish_by_job ON to_publish (job, kind, epoch);

CREATE TABLE lanes (
  id INTEGER PRIMARY KEY,
  endpoint TEXT NOT NULL,
  model TEXT NOT NULL,
  needs TEXT NOT NULL,
  last_rank INTEGER NOT NULL,
  UNIQUE (endpoint, model, needs)
) STRICT;

CREATE TABLE ranks (
  lane INTEGER NOT NULL,
  batch TEXT NOT NULL,
  last_rank INTEGER NOT NULL,
  PRIMARY KEY (lane, batch)
) STRICT, WITHOUT ROWID;

-- The sums are kept by the commits that change them, so that showing a batch reads one row.
CREATE TABLE batches (
  batch TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL DEFAULT 0,
  output_tokens INTEGER NOT NULL DEFAULT 0,
  first_started_at INTEGER,
  last_finished_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_by_time ON batches (created_at);

-- How many runs are in which state, kept by the commits that change it: counting a million runs reads a few rows.
-- batch is '' for none. superseded: those that are not the latest of their name; repeated: of them, those with a
-- later run in the same batch.
CREATE TABLE tallies (
  batch TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  model TEXT NOT NULL,
  state TEXT NOT NULL,
  runs INTEGER NOT NULL,
  superseded INTEGER NOT NULL,
  repeated INTEGER NOT NULL,
  PRIMARY KEY (batch, endpoint, model, state)
) STRICT, WITHOUT ROWID;

-- The first id among the runs submitted in an hour (Unix ms / 3,600,000): a floor for lists by time.
CREATE TABLE submission_hours (
  hour INTEGER PRIMARY KEY,
  first_job INTEGER NOT NULL
) STRICT;

CREATE TABLE instances (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  process_id TEXT NOT NULL,
  first_seen_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL
) STRICT;

CREATE TABLE endpoints (
  name TEXT PRIMARY KEY,
  max_concurrent INTEGER,
  paused INTEGER NOT NULL CHECK (paused = 0 OR paused = 1)
) STRICT, WITHOUT ROWID;

-- scopes is a JSON array.
CREATE TABLE keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL UNIQUE,
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TRIGGER bodies_keep BEFORE UPDATE ON bodies BEGIN SELECT RAISE(ABORT, 'bodies are immutable'); END;
CREATE TRIGGER bodies_stay BEFORE DELETE ON bodies BEGIN SELECT RAISE(ABORT, 'bodies are never deleted'); END;
CREATE TRIGGER specs_keep BEFORE UPDATE ON specs BEGIN SELECT RAISE(ABORT, 'specs are immutable'); END;
CREATE TRIGGER specs_stay BEFORE DELETE ON specs BEGIN SELECT RAISE(ABORT, 'specs are never deleted'); END;
CREATE TRIGGER results_keep BEFORE UPDATE ON results BEGIN SELECT RAISE(ABORT, 'results are immutable'); END;
CREATE TRIGGER results_stay BEFORE DELETE ON results BEGIN SELECT RAISE(ABORT, 'results are never deleted'); END;
CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts are never deleted'); END;
CREATE TRIGGER attempts_keep_answers BEFORE UPDATE OF kept_answer ON attempts WHEN OLD.kept_answer IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a kept answer is immutable'); END;
CREATE TRIGGER attempts_keep_identity BEFORE UPDATE OF job, attempt, instance, started_at ON attempts
BEGIN SELECT RAISE(ABORT, 'job, attempt, instance and started_at of an attempt are immutable'); END;
CREATE TRIGGER jobs_stay BEFORE DELETE ON jobs BEGIN SELECT RAISE(ABORT, 'runs are never deleted'); END;
CREATE TRIGGER jobs_keep_identity
BEFORE UPDATE OF id, name, run, type, source, lane, endpoint, model, digest, batch, key, submitted_at ON jobs
BEGIN SELECT RAISE(ABORT, 'what determines the answer of a run is immutable'); END;
`;
