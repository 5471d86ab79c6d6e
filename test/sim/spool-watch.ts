/** Sees which outcomes stand on an instance's disk: written to a segment, and fsynced. */
import type { AppendFile, Files } from '../../src/core/ports/files.ts';
import { scanSegment } from '../../src/instance/spool-record.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { FROM_INSTANCE } from '../../src/wire/messages.ts';
import { attemptKey } from './lease-watch.ts';

/** Attempt keys of the outcomes that can be read from these bytes of a segment. */
export function outcomesIn(bytes: Uint8Array): string[] {
  return [...scanSegment(Buffer.from(bytes))].flatMap((item) => {
    if (item.what !== 'record' || item.record.kind !== 'outcome') return [];
    const message = FROM_INSTANCE.parse(decodeFrame(item.record.payload));
    return message.t === 'outcome' ? [attemptKey(message.report)] : [];
  });
}

/** The same files; `onDurable` is told of each outcome once an fsync of its segment has succeeded. */
export function watchSpool(files: Files, onDurable: (key: string) => void): Files {
  const openAppend = async (path: string): Promise<AppendFile> => {
    const file = await files.openAppend(path);
    if (!path.endsWith('.spool')) return file;
    let written: string[] = [];
    return {
      append: async (bytes) => {
        const offset = await file.append(bytes);
        written.push(...outcomesIn(bytes));
        return offset;
      },
      appendNow: (bytes) => file.appendNow(bytes),
      sync: async () => {
        const synced = written;
        await file.sync();
        written = [];
        for (const key of synced) onDurable(key);
      },
      close: () => file.close(),
    };
  };
  return new Proxy(files, {
    get: (target, key) => (key === 'openAppend' ? openAppend : Reflect.get(target, key)),
  });
}
