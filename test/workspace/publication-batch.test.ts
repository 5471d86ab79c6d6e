import { describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/platform/files.ts';
import { PublicationBatch } from '../../src/workspace/publication-batch.ts';
import { resultFileText } from '../../src/workspace/result-file.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { namesIn, temporaryWorkspace } from './folder.ts';
import { publicationBody, PublicationRows } from './publication-rows.ts';

describe('a batch of files', () => {
  it('reads no more rows while the files under way hold as many bytes as are allowed', async () => {
    const layout = await temporaryWorkspace();
    const rows = new PublicationRows();
    for (let job = 1; job <= 12; job += 1) rows.add(publicationBody({ job, name: `faq-${job}` }));
    let under_way = 0;
    let most = 0;
    const files = {
      ...systemFiles,
      async unlink(path: string) {
        most = Math.max(most, rows.read.length - under_way);
        await systemFiles.unlink(path);
        under_way += 1;
      },
    };
    const tools = { files, layout, random: new SeededRandom(1), crashpoint: () => undefined };
    const file_bytes = resultFileText(publicationBody()).length;
    const batch = new PublicationBatch(tools, rows, file_bytes * 2.5);
    await batch.place(rows.publications(12), 16);
    expect(most).toBe(3);
    expect(namesIn(layout.results)).toHaveLength(12);
  });
});
