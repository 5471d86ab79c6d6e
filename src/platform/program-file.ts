/** The file that a program's name means, and whether the system itself can run it. */
import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';

/** The first bytes of what a kernel runs: a line that names an interpreter, ELF, Mach-O in its five forms. */
const HEADS = ['2321', '7f454c46', 'feedface', 'feedfacf', 'cefaedfe', 'cffaedfe', 'cafebabe'];

/** A bare name is looked up in `PATH`, anything else is a path. Null: there is none. */
export async function findProgram(name: string, path: string | undefined): Promise<string | null> {
  if (isAbsolute(name)) return name;
  if (name === '' || name.includes('/')) return null;
  for (const folder of (path ?? '').split(delimiter)) {
    const file = join(folder, name);
    // What is beside a relative folder of PATH depends on where one stands.
    if (isAbsolute(folder) && (await isProgram(file))) return file;
  }
  return null;
}

/**
 * Whether there is something in it that says what runs it. The C library would hand a file that has neither a first line nor
 * a header to a shell, which guesses.
 */
export async function saysItsInterpreter(file: string): Promise<boolean> {
  const handle = await open(file, 'r').catch(() => null);
  // A program may be executable and not readable: then the system says what is wrong with it.
  if (handle === null) return true;
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    const head = buffer.subarray(0, bytesRead).toString('hex');
    return HEADS.some((known) => head.startsWith(known));
  } catch {
    // A folder, a device: the system says so.
    return true;
  } finally {
    await handle.close();
  }
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
