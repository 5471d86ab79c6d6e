import { ISOLATIONS, type Isolation } from '../../core/endpoints.ts';
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
  const isolation = isolationOf(given.text('isolation'));
  return context.deps.instance({
    connect,
    workspace: await context.workspace(),
    ...(name === undefined ? {} : { name }),
    ...(slots === undefined ? {} : { slots }),
    ...(endpoints === undefined ? {} : { endpoints }),
    ...(isolation === undefined ? {} : { isolation }),
  });
}

function isolationOf(text: string | undefined): Isolation | undefined {
  const isolation = ISOLATIONS.find((one) => one === text);
  if (text === undefined || isolation !== undefined) return isolation;
  throw new Problem(
    'InvalidRequest',
    `--isolation: expected ${ISOLATIONS.join(' or ')}, got ${JSON.stringify(text)}.`,
  );
}
