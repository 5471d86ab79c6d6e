/** Chance that nobody can guess, from the operating system. */
import { randomBytes } from 'node:crypto';
import type { Random } from '../core/ports/clock.ts';

/** 53 bits fill the fraction of a double exactly. */
const FRACTION = 2 ** 53;

export const systemRandom: Random = {
  next(): number {
    const bytes = randomBytes(7);
    return (bytes.readUIntBE(0, 6) * 32 + (bytes.readUInt8(6) & 31)) / FRACTION;
  },

  id(bytes: number): string {
    return randomBytes(bytes).toString('hex');
  },
};
