/**
 * The data files of prompts, read through the port. What is being read is shared by all who ask meanwhile, and parsed
 * files are kept while their bytes stay the same, so that a thousand jobs on one CSV file parse it once.
 */
import { sha256Bytes } from '../core/identity.ts';
import type { RowFormat } from '../core/job.ts';
import { decodeUtf8 } from '../core/job-text.ts';
import type { LinkReader } from '../core/ports/link-reader.ts';
import { DataError, type DataTable, parseTable } from './data-table.ts';
import { shared } from './shared.ts';

/** Files kept parsed, and the bytes of them: enough for a sweep, little enough to forget about. */
const TABLES_KEPT_MAX = 8;
const TABLES_KEPT_BYTES_MAX = 64 * 1024 * 1024;

interface Kept {
  readonly sha256: string;
  readonly bytes: number;
  readonly table: DataTable;
}

export class DataFiles {
  readonly #links: LinkReader;
  readonly #texts = new Map<string, Promise<string>>();
  readonly #tables = new Map<string, Promise<DataTable>>();
  /** Least recently used first. */
  readonly #kept = new Map<string, Kept>();

  constructor(links: LinkReader) {
    this.#links = links;
  }

  /** The file as text. Rejects with a LinkError of the port, or with a {@link DataError}. */
  text(path: string): Promise<string> {
    return shared(this.#texts, path, async () => decoded(path, await this.#links.read(path)));
  }

  /** The file as rows. Rejects like {@link text}. */
  table(format: RowFormat, path: string): Promise<DataTable> {
    const key = `${format}:${path}`;
    return shared(this.#tables, key, async () =>
      this.#parse(key, format, path, await this.#links.read(path)),
    );
  }

  #parse(key: string, format: RowFormat, path: string, bytes: Uint8Array): DataTable {
    const sha256 = sha256Bytes(bytes);
    const known = this.#kept.get(key);
    this.#kept.delete(key);
    const kept =
      known?.sha256 === sha256
        ? known
        : { sha256, bytes: bytes.length, table: parseTable(format, path, decoded(path, bytes)) };
    this.#kept.set(key, kept);
    this.#forget();
    return kept.table;
  }

  #forget(): void {
    let bytes = 0;
    for (const kept of this.#kept.values()) bytes += kept.bytes;
    for (const [key, kept] of this.#kept) {
      if (this.#kept.size <= TABLES_KEPT_MAX && bytes <= TABLES_KEPT_BYTES_MAX) return;
      this.#kept.delete(key);
      bytes -= kept.bytes;
    }
  }
}

function decoded(path: string, bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (typeof text === 'string') return text;
  throw new DataError(
    'file',
    `${text.expected} in ${path}:${text.line ?? 1}:${text.column ?? 1}`,
    text.got,
    text.hint,
  );
}
