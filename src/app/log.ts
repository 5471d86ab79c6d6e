/**
 * Structured logs of promptd's own processes: NDJSON files `.promptd/logs/<process>.log`, secrets redacted. A file that has
 * grown to its limit becomes `<process>.1.log`, in the place of the one before: nobody has to run a log rotator, and the two
 * together never take more than twice the limit. Every line tells its day, so nothing is cut by time.
 */
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pino, type Logger } from 'pino';
import { LIMITS } from '../core/limits.ts';

const SECRET_FIELDS = ['key', 'token', 'authorization', 'api_key', 'password', 'secret'].flatMap((field) => [
  field,
  `*.${field}`,
  `*.headers.${field}`,
]);

export function openLog(
  folder: string,
  name: string,
  level: string,
  bytes_max: number = LIMITS.process_log_bytes_max,
): Logger {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.log`);
  const destination = pino.destination({ dest: file, append: true, sync: true, mode: 0o600 });
  let bytes = statSync(file).size;
  const turnOver = (): void => {
    // Where it cannot be done now, the file grows and it is tried again at the next limit.
    bytes = 0;
    renameSync(file, join(folder, `${name}.1.log`));
    destination.reopen();
  };
  // A log is no promise: a line that the disk has no room for is kept by the destination for later, or lost, and whoever
  // wrote it goes on.
  destination.on('error', () => undefined);
  const patient = {
    write(line: string): void {
      try {
        if (bytes >= bytes_max) turnOver();
      } catch {
        // As above.
      }
      try {
        bytes += Buffer.byteLength(line);
        destination.write(line);
      } catch {
        // As above.
      }
    },
  };
  return pino(
    {
      // Events have names and pids of their own, of instances and runs.
      base: { process: name, process_id: process.pid },
      level,
      redact: { paths: SECRET_FIELDS, censor: '[redacted]' },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    patient,
  );
}
