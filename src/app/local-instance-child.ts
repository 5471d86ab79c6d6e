/**
 * The local instance's process: `node local-instance-child.ts WORKSPACE`. It outlives a killed `serve`, goes on with what it
 * runs, and finds the next one through server.json.
 */
import { readFile } from 'node:fs/promises';
import { LIMITS } from '../core/limits.ts';
import { loadConfig } from './config.ts';
import { environment } from './environment.ts';
import { runInstance } from './instance-process.ts';
import { openLog } from './log.ts';
import { readServerFile } from './server-info.ts';
import { hashOfFile, isOfSameSettings } from './settings-trace.ts';
import { onUncaught } from './uncaught.ts';
import { version } from './version.ts';

const root = process.argv[2] ?? process.cwd();
const parent = process.ppid;
const config = await loadConfig(root, environment());
const { layout } = config;
const config_sha256 = await hashOfFile(layout.config);
const log = openLog(layout.logs, 'instance-local', config.log_level);
// Nobody reads what it writes to its terminal.
onUncaught((reason) => {
  log.fatal({ message: reason }, 'fatal');
  process.exit(1);
});
const slots = Number(process.argv[3] ?? config.instance.slots);

/**
 * The next server may have been started because of a new key or address, of which this process knows nothing. It brings what it
 * runs to an end, as when it is asked to stop, and leaves its place to a child of that server.
 */
async function makeWayWhereSettingsChanged(): Promise<void> {
  const server = await readServerFile(layout.server);
  if (server === null || server.pid === parent) return;
  if (isOfSameSettings(server.settings, config_sha256, environment())) return;
  log.info({ server: server.pid }, 'settings were changed since this instance was started; it makes way');
  process.kill(process.pid, 'SIGTERM');
}

process.exitCode = await runInstance({
  name: config.instance.name,
  slots,
  endpoints: config.endpoints,
  spool_dir: layout.spool,
  root,
  allow_exec: config.instance.allow_exec,
  isolation: config.instance.isolation,
  pass_env: config.instance.pass_env,
  version: version(),
  async locate() {
    const server = await readServerFile(layout.server);
    if (server === null) throw new Error('no server serves the workspace at the moment');
    return server.instances;
  },
  token: async () => (await readFile(layout.instance_token, 'utf8')).trim(),
  orphan_ttl_ms: LIMITS.orphan_ttl_ms,
  on(event) {
    if (event.type === 'connected') void makeWayWhereSettingsChanged();
    if (
      event.type === 'connected' ||
      event.type === 'disconnected' ||
      event.type === 'ended' ||
      event.type.startsWith('spool_')
    )
      log.info(event, event.type);
    else log.debug(event, event.type);
  },
});
