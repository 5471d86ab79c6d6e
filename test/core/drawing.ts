/**
 * How many examples a property draws, and from which seed: fixed, so that every run of the suite tests the same; more of them
 * by `PROMPTD_TEST_RUNS` (a factor for all properties that ask here), others by `PROMPTD_TEST_SEED`. fast-check prints seed and
 * path of a failure; `PROMPTD_TEST_PATH` with that seed plays it again.
 */
interface Drawing {
  readonly seed: number;
  readonly numRuns: number;
  readonly path?: string;
}

const TIMES = Number(process.env['PROMPTD_TEST_RUNS'] ?? 1);

/** How long a property may take: many times what it takes, and more where more is drawn. */
export const PATIENCE_MS = 240_000 * Math.max(1, TIMES);

export function drawing(runs: number): Drawing {
  const { PROMPTD_TEST_SEED: seed, PROMPTD_TEST_PATH: path } = process.env;
  return {
    seed: Number(seed ?? 20_261),
    numRuns: Math.max(1, Math.round(runs * TIMES)),
    ...(path === undefined ? {} : { path }),
  };
}
