import { EXIT, Problem } from '../../core/errors.ts';
import type { Context } from '../context.ts';
import { shellQuoted } from '../shell-quoted.ts';

/** `eval "$(promptd env)"`: where the server of this workspace is, and the key to it. */
export async function env(context: Context): Promise<number> {
  const workspace = await context.needWorkspace();
  const [server, key] = await Promise.all([workspace.server(), workspace.key()]);
  if (server === null) {
    throw new Problem('Unreachable', `No server runs in ${workspace.root}, so it has no URL.`, {
      hint: 'Start one with: promptd serve',
    });
  }
  if (context.out.json) {
    await context.out.value({ PROMPTD_URL: server.url, PROMPTD_KEY: key });
    return EXIT.ok;
  }
  if (key === null) context.out.notice(`No key: this user may not read the admin key of ${workspace.root}.`);
  const words = [`PROMPTD_URL=${shellQuoted(server.url)}`];
  if (key !== null) words.push(`PROMPTD_KEY=${shellQuoted(key)}`);
  await context.out.line(`export ${words.join(' ')}`);
  return EXIT.ok;
}
