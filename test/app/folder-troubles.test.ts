/** What keeps files from being written, taken or looked at, as `GET /stats` tells it. */
import { expect, it } from 'vitest';
import { FolderTroubles } from '../../src/app/folder-troubles.ts';
import { setup } from '../http/setup.ts';

it('R9 R14: is told with what to do, what cannot be written first, until each is over', () => {
  const troubles = new FolderTroubles();
  expect(troubles.current).toBe(null);
  troubles.watched('jobs', 'the folder is not there; make it again');
  expect(troubles.current).toEqual({
    code: 'FolderRefused',
    message:
      'Files of jobs/ wait: the folder is not there; make it again. It goes on by itself once that is mended.',
  });
  troubles.begin('published', 'ENOSPC', '/w/results: no space left on device');
  expect(troubles.current).toEqual({
    code: 'DiskLow',
    message:
      'Files wait to be written: /w/results: no space left on device. Free some disk space; it goes on by itself.',
  });
  troubles.end('published');
  expect(troubles.current).toMatchObject({ code: 'FolderRefused' });
  troubles.watched('jobs', null);
  expect(troubles.current).toBe(null);
});

it('R19: stands in /stats, behind what the turns meet, and work is taken all the same', async () => {
  const troubles = new FolderTroubles();
  await using server = await setup({
    extra: { status: async () => ({ disk_free_bytes: 1 }), trouble: () => troubles.current },
  });
  troubles.begin('published', 'EACCES', '/w/results: permission denied');
  expect((await server.ask('/stats')).json['trouble']).toMatchObject({ code: 'FolderRefused' });
  expect((await server.ask('/readyz')).status).toBe(200);
  server.scheduler.trouble = { code: 'StoreBusy', message: 'Another program holds it.' };
  expect((await server.ask('/stats')).json['trouble']).toMatchObject({ code: 'StoreBusy' });
});
