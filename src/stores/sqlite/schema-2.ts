/**
 * Version 2: an attempt keeps the prompt that scripts made for it, by the hash of its body, and a batch its cost.
 *
 * cost_unknown: answers of the batch whose cost is not known, which until now is all of them. What an attempt brought shows in
 * parameters_sent: it is there with an answer, wanted or not, and never without one.
 */
export const SCHEMA_2 = `
ALTER TABLE attempts ADD COLUMN prompt_sha256 TEXT;

ALTER TABLE batches ADD COLUMN cost_unknown INTEGER NOT NULL DEFAULT 0;
UPDATE batches SET cost_unknown = known.answers FROM (
  SELECT j.batch, count(*) AS answers FROM jobs j JOIN attempts a ON a.job = j.id
  WHERE j.batch IS NOT NULL AND a.parameters_sent IS NOT NULL GROUP BY j.batch) known
WHERE known.batch = batches.batch;

-- What the answers of a batch cost, as far as it is known; kept by the commits, as the other sums are.
CREATE TABLE batch_costs (
  batch TEXT NOT NULL,
  currency TEXT NOT NULL,
  amount REAL NOT NULL,
  PRIMARY KEY (batch, currency)
) STRICT, WITHOUT ROWID;
`;
