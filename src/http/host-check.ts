/**
 * Who a request over TCP says it is for and from. A page of any site can make a browser send requests to this machine, and
 * a name of any site can be made to point to it (DNS rebinding): both show in these headers.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from '../core/errors.ts';

interface Bound {
  readonly host: string;
  readonly port: number;
}

/** Throws WrongHost or WrongOrigin. `allowed_hosts` are names with or without a port. */
export function checkHost(
  headers: IncomingHttpHeaders,
  method: string,
  bound: Bound,
  allowed_hosts: readonly string[],
): void {
  const host = headers.host?.toLowerCase();
  if (host === undefined || !hostsOf(bound, allowed_hosts).has(host)) {
    throw new Problem(
      'WrongHost',
      `Host: expected ${bound.host}:${bound.port}, got ${JSON.stringify(host ?? '')}`,
      {
        hint: 'If this server is reached under that name on purpose, add it to "http": {"allowed_hosts": […]} in promptd.config.json.',
      },
    );
  }
  const { origin } = headers;
  if (origin !== undefined && hostOfOrigin(origin) !== host) {
    throw new Problem('WrongOrigin', `Origin: expected ${host}, got ${JSON.stringify(origin)}`);
  }
  const site = headers['sec-fetch-site'];
  if (method !== 'GET' && site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new Problem('WrongOrigin', `Sec-Fetch-Site: expected same-origin, got ${JSON.stringify(site)}`);
  }
}

function hostsOf(bound: Bound, allowed_hosts: readonly string[]): Set<string> {
  const own = ['localhost', '127.0.0.1', '[::1]', bound.host.includes(':') ? `[${bound.host}]` : bound.host];
  const hosts = new Set<string>();
  for (const name of own) hosts.add(withPort(name, bound.port));
  // A browser leaves out the port of its scheme.
  if (bound.port === 80 || bound.port === 443) for (const name of own) hosts.add(name.toLowerCase());
  for (const name of allowed_hosts) hosts.add(name.toLowerCase()).add(withPort(name, bound.port));
  return hosts;
}

function withPort(name: string, port: number): string {
  return `${name.toLowerCase()}:${port}`;
}

function hostOfOrigin(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
