import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/app/config.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { temporaryFolder } from '../workspace/folder.ts';

function retentionOf(config: object): Promise<number> {
  const root = temporaryFolder();
  writeFileSync(join(root, 'promptd.config.json'), JSON.stringify(config));
  return loadConfig(root, {}).then(({ logs }) => logs.retention_ms);
}

describe('how long logs are kept', () => {
  it('is seven days, or as the configuration says', async () => {
    expect(await retentionOf({})).toBe(LIMITS.log_retention_ms);
    expect(await retentionOf({ logs: {} })).toBe(7 * 86_400_000);
    expect(await retentionOf({ logs: { retention: '30d' } })).toBe(30 * 86_400_000);
    expect(await retentionOf({ logs: { retention: 0 } })).toBe(0);
  });

  it('is refused with its place where it is no duration', async () => {
    await expect(retentionOf({ logs: { retention: 'a week' } })).rejects.toMatchObject({
      code: 'InvalidConfig',
      message: expect.stringContaining('logs.retention: expected a duration such as "90s"') as string,
    });
    await expect(retentionOf({ logs: { keep: '7d' } })).rejects.toMatchObject({ code: 'InvalidConfig' });
  });
});
