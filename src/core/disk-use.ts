/** What a workspace takes of its disk, as `GET /stats` tells it. */

export interface DiskUse {
  /** In whole blocks, as the disk counts them. */
  readonly bytes: number;
  /** One for each file and folder; a file of several names is counted once for each. */
  readonly inodes: number;
}

export const DISK_PARTS = ['jobs', 'results', 'ended', 'database', 'logs'] as const;

export type DiskParts = Readonly<Record<(typeof DISK_PARTS)[number], DiskUse>>;

export interface DiskUseView extends DiskParts {
  /** Since when it is so: folders are not walked at each question. */
  readonly age_s: number;
}
