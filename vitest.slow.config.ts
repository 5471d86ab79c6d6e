import { defineConfig } from 'vitest/config';

// What takes minutes by its nature. `npm run test:slow`; not part of `npm test`.
export default defineConfig({
  test: {
    reporters: ['./test/support/reporter.ts'],
    pool: 'forks',
    include: ['test/slow/**/*.test.ts'],
    setupFiles: ['./test/support/leaks.ts', './test/support/children.ts'],
    hookTimeout: 60_000,
  },
});
