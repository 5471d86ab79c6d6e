/** A copy of the project, in which the source may be broken while somebody works on the original. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutant.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What the tests read. */
const COPIED = [
  'src',
  'test',
  'bin',
  'bench',
  'docs',
  'examples',
  'schema',
  'scripts',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
];

export class Copy {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async make(): Promise<Copy> {
    const root = await mkdtemp(join(tmpdir(), 'promptd-mutants-'));
    for (const name of COPIED) await cp(join(ROOT, name), join(root, name), { recursive: true });
    await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
    return new Copy(root);
  }

  /** Breaks the source while `act` runs. */
  async with<T>(mutant: Mutant, act: () => Promise<T>): Promise<T> {
    const path = join(this.root, mutant.file);
    const source = await readFile(path, 'utf8');
    await writeFile(path, broken(mutant, source));
    try {
      return await act();
    } finally {
      await writeFile(path, source);
    }
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

/** The source with the mutant in it. Throws where what it replaces does not stand there exactly once. */
export function broken({ name, file, from, to }: Mutant, source: string): string {
  const parts = source.split(from);
  if (parts.length !== 2)
    throw new Error(`mutant "${name}": what it replaces stands ${parts.length - 1} times in ${file}`);
  return parts.join(to);
}
