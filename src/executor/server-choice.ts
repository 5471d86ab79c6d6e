/** Which of an endpoint's servers is asked next: the one with the fewest calls under way, in turn where several have as few. */
import type { EndpointConfig } from '../core/endpoints.ts';

interface Servers {
  readonly busy: Map<string, number>;
  /** Where the next search begins. */
  next: number;
}

export interface ChosenServer {
  readonly base_url: string;
  /** Gives the place back; idempotent. */
  release(): void;
}

export class ServerChoice {
  readonly #endpoints = new Map<string, Servers>();

  /** An endpoint without servers (the simulator) is asked at ''. */
  choose(endpoint: EndpointConfig): ChosenServer {
    const servers = this.#serversOf(endpoint.name);
    const count = Math.max(endpoint.base_urls.length, 1);
    let best = '';
    let least = Infinity;
    let bestAt = 0;
    for (let step = 0; step < count; step += 1) {
      const at = (servers.next + step) % count;
      const base_url = endpoint.base_urls[at] ?? '';
      const busy = servers.busy.get(base_url) ?? 0;
      if (busy >= least) continue;
      [best, least, bestAt] = [base_url, busy, at];
    }
    servers.next = (bestAt + 1) % count;
    servers.busy.set(best, least + 1);
    return { base_url: best, release: releaseOnce(servers.busy, best) };
  }

  #serversOf(endpoint: string): Servers {
    let servers = this.#endpoints.get(endpoint);
    if (servers === undefined) {
      servers = { busy: new Map(), next: 0 };
      this.#endpoints.set(endpoint, servers);
    }
    return servers;
  }
}

function releaseOnce(busy: Map<string, number>, base_url: string): () => void {
  let released = false;
  return () => {
    if (released) return;
    released = true;
    busy.set(base_url, Math.max((busy.get(base_url) ?? 1) - 1, 0));
  };
}
