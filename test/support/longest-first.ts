// Which test files take longest.

/** Roughly how many seconds they take in `.ci/run` on two cores; only the order matters. Below half a minute: not here. */
export const SECONDS: Readonly<Record<string, number>> = {
  'test/sim/simulation.test.ts': 100,
  'test/e2e/crash-points-serve.test.ts': 280,
  'test/e2e/crash-points-instance.test.ts': 175,
  'test/e2e/dropped-files.test.ts': 105,
  'test/e2e/stopping.test.ts': 75,
  'test/e2e/recovery.test.ts': 55,
  'test/e2e/damaged-database.test.ts': 50,
  'test/e2e/frozen.test.ts': 50,
  'test/e2e/programs-killed.test.ts': 45,
  'test/e2e/isolation-killed.test.ts': 45,
  'test/e2e/watcher.test.ts': 43,
  'test/e2e/package.test.ts': 43,
  'test/e2e/disk-errors.test.ts': 40,
  'test/e2e/execute.test.ts': 40,
  'test/e2e/identity.test.ts': 38,
  'test/e2e/isolation.test.ts': 37,
  'test/e2e/two-daemons.test.ts': 37,
  'test/e2e/misbehaving-children.test.ts': 36,
  'test/e2e/adoption.test.ts': 33,
  'test/e2e/cli-docs.test.ts': 33,
  'test/e2e/wall-clock.test.ts': 33,
};

/** The files that are said to be long, longest first, before all others; these stay as they were given. */
export function longestFirst<Of>(files: readonly Of[], pathOf: (file: Of) => string): Of[] {
  const named = Object.entries(SECONDS);
  const seconds = (file: Of): number => named.find(([name]) => pathOf(file).endsWith(`/${name}`))?.[1] ?? 0;
  return files.toSorted((a, b) => seconds(b) - seconds(a));
}
