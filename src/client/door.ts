/** What opens connections of one kind, and keeps those that are idle. */
import type { Agent, ClientRequest, RequestOptions } from 'node:http';

export type Target = { readonly socketPath: string } | { readonly url: URL };

export interface Door {
  readonly agent: Agent;
  open(options: RequestOptions): ClientRequest;
}

/**
 * Both modules are loaded when they are needed, and not by `import`: that reads every export, and reading `http.WebSocket`
 * loads a whole second HTTP client (40 ms of a command that should start in 150).
 */
export function doorTo(target: Target): Door {
  if ('url' in target && target.url.protocol === 'https:') {
    const https = process.getBuiltinModule('node:https');
    return { agent: new https.Agent({ keepAlive: true }), open: (options) => https.request(options) };
  }
  const http = process.getBuiltinModule('node:http');
  return { agent: new http.Agent({ keepAlive: true }), open: (options) => http.request(options) };
}

/** Where a request goes: host, port and path, or the path of a socket. */
export function placeOf(
  target: Target,
  path: string,
): Pick<RequestOptions, 'host' | 'path' | 'port' | 'protocol' | 'socketPath'> {
  if ('socketPath' in target) return { socketPath: target.socketPath, path, host: 'localhost' };
  const url = new URL(target.url.pathname.replace(/\/$/, '') + path, target.url);
  return {
    protocol: url.protocol,
    // An IPv6 address stands in brackets in a URL, and without them in a lookup.
    host: url.hostname.replaceAll(/^\[|\]$/g, ''),
    port: url.port,
    path: url.pathname + url.search,
  };
}
