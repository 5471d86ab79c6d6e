/** Names of files, and what they say of their content. */

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.txt': 'text/plain',
  '.md': 'text/markdown',
  '.html': 'text/html',
  '.csv': 'text/csv',
  '.json': 'application/json',
  '.pdf': 'application/pdf',
  '.zip': 'application/zip',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.svg': 'image/svg+xml',
  '.mp3': 'audio/mpeg',
  '.wav': 'audio/wav',
  '.ogg': 'audio/ogg',
  '.mp4': 'video/mp4',
  '.webm': 'video/webm',
};

/** File systems take names of 255 bytes; a prefix of ours must fit as well. */
const NAME_BYTES_MAX = 150;

/** Without folders, control characters and leading dots, and short enough for every file system. */
export function plainFileName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const plain = last
    .replace(/[^\p{L}\p{N} ._-]/gu, '_')
    .replace(/^[ .]+/, '')
    .trimEnd();
  if (plain === '') return 'file';
  const bytes = Buffer.from(plain);
  if (bytes.length <= NAME_BYTES_MAX) return plain;
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(plain)?.[0] ?? '';
  // A character that the cut went through is left out.
  const stem = bytes
    .subarray(0, NAME_BYTES_MAX - extension.length)
    .toString()
    .replace(/\uFFFD$/, '');
  return `${stem}${extension}`;
}

/** Of `image/png`, `png` or `.png`: `.png`; '' where it is not known. */
export function extensionOf(file_type: string): string {
  if (!file_type.includes('/'))
    return /^\.?[a-z0-9]{1,10}$/i.test(file_type) ? `.${file_type.replace('.', '')}` : '';
  const wanted = file_type.split(';')[0]?.trim().toLowerCase();
  return Object.entries(MEDIA_TYPES).find(([, media_type]) => media_type === wanted)?.[0] ?? '';
}

/** What the job asked for where that is a media type, else what the file's name says. */
export function mediaTypeOf(name: string, file_type: string | null): string {
  if (file_type?.includes('/') === true) return file_type;
  const extension = /\.[^.]+$/.exec(name)?.[0].toLowerCase() ?? '';
  return MEDIA_TYPES[extension] ?? 'application/octet-stream';
}

export function isText(media_type: string): boolean {
  return media_type.startsWith('text/') || media_type.startsWith('application/json');
}
