import { EXIT } from '../../core/errors.ts';
import { jobJsonSchema } from '../../core/job.ts';
import type { Context } from '../context.ts';

export async function schema(context: Context): Promise<number> {
  await context.out.line(JSON.stringify(jobJsonSchema(), null, 2));
  return EXIT.ok;
}
