/** Structured logs of promptd's own processes: NDJSON files in `.promptd/logs/`, secrets redacted. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pino, type Logger } from 'pino';

const SECRET_FIELDS = ['key', 'token', 'authorization', 'api_key', 'password', 'secret'].flatMap((field) => [
  field,
  `*.${field}`,
  `*.headers.${field}`,
]);

export function openLog(folder: string, name: string, level: string): Logger {
  mkdirSync(folder, { recursive: true });
  const destination = pino.destination({
    dest: join(folder, `${name}.log`),
    append: true,
    sync: true,
    mode: 0o600,
  });
  // A log is no promise: a line that the disk has no room for is kept by the destination for later, or lost, and whoever
  // wrote it goes on.
  destination.on('error', () => undefined);
  const patient = {
    write(line: string): void {
      try {
        destination.write(line);
      } catch {
        // As above.
      }
    },
  };
  return pino(
    {
      name,
      level,
      redact: { paths: SECRET_FIELDS, censor: '[redacted]' },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    patient,
  );
}
