/** A system may take fewer bytes than it is given: whoever writes goes on with the rest, and never leaves a hole. */
import { readFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { NodeAppendFile } from '../../src/platform/append-file.ts';
import { systemError } from '../workspace/faulty-files.ts';
import { temporaryFolder } from '../workspace/folder.ts';

type Write = (
  bytes: Uint8Array,
  offset: number,
  length: number,
  position: number,
) => Promise<{ bytesWritten: number }>;

/** A file whose writes take at most so many bytes at a time, and fail after so many calls. */
async function shortFile(bytes_at_a_time: number, calls_max = Number.POSITIVE_INFINITY) {
  const path = join(temporaryFolder(), 'file');
  const handle = await open(path, 'w+');
  let calls = 0;
  const write: Write = async (bytes, offset, length, position) => {
    calls += 1;
    if (calls > calls_max) throw systemError('ENOSPC', 'write');
    return handle.write(bytes, offset, Math.min(length, bytes_at_a_time), position);
  };
  const short = { fd: handle.fd, write, datasync: () => handle.datasync(), close: () => handle.close() };
  const file = new NodeAppendFile(short as unknown as FileHandle, path, 0);
  let closed = false;
  const close = async (): Promise<void> => {
    if (!closed) await file.close();
    closed = true;
  };
  onTestFinished(close);
  return {
    file,
    text: () => readFileSync(path, 'utf8'),
    allow: (more: number) => void (calls_max = calls + more),
  };
}

it('R27: an append is continued until all of it is written, and says where it began', async () => {
  const { file, text } = await shortFile(3);
  expect(await Promise.all([file.append(Buffer.from('first ')), file.append(Buffer.from('second'))])).toEqual(
    [0, 6],
  );
  expect(text()).toBe('first second');
});

it('R27: one that finds no room in the middle is written over by the next', async () => {
  const { file, text, allow } = await shortFile(3, 3);
  await expect(file.append(Buffer.from('cut short by the disk'))).rejects.toMatchObject({ code: 'ENOSPC' });
  allow(100);
  expect(await file.append(Buffer.from('whole'))).toBe(0);
  expect(text().slice(0, 5)).toBe('whole');
  expect(file.appendNow(Buffer.from(' and after'))).toBe(5);
  expect(text()).toBe('whole and after');
});

it('R27: one that takes nothing at all fails, rather than being asked for ever', async () => {
  const { file } = await shortFile(0);
  await expect(file.append(Buffer.from('never'))).rejects.toThrow('took none of');
});
