// JavaScript and TypeScript packages in real processes.
import { describe } from 'vitest';
import { packageSuite } from './package-suite.ts';

describe('R33: every AI package: JavaScript', () => {
  packageSuite('desk.mjs');
});
