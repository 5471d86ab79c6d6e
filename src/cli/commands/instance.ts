import { Problem } from '../../core/errors.ts';
import type { Context } from '../context.ts';

export async function instance(context: Context): Promise<number> {
  const { given } = context;
  const connect = given.text('connect');
  if (connect === undefined || !/^.+:\d{1,5}$/.test(connect)) {
    const got = connect === undefined ? 'nothing' : JSON.stringify(connect);
    throw new Problem(
      'InvalidRequest',
      `--connect: expected host:port of a server's port for instances (gpu1:7434), got ${got}.`,
    );
  }
  const name = given.text('name');
  const slots = given.whole('slots', { min: 1, max: 100_000 });
  const endpoints = given
    .text('endpoints')
    ?.split(',')
    .map((word) => word.trim());
  return context.deps.instance({
    connect,
    workspace: await context.workspace(),
    ...(name === undefined ? {} : { name }),
    ...(slots === undefined ? {} : { slots }),
    ...(endpoints === undefined ? {} : { endpoints }),
  });
}
