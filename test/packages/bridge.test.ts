// Python packages in real processes.
import { describe } from 'vitest';
import { packageSuite } from './package-suite.ts';

describe('R33: every AI package: Python', () => {
  packageSuite('desk.py');
});
