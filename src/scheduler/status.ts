/** What the scheduler knows of instances and endpoints, for people. */
import type { Board, BoardEndpoint, BoardInstance } from '../core/board.ts';
import { Gates } from '../core/gate.ts';
import type { EndpointStatus, InstanceStatus } from '../core/ports/scheduler.ts';
import type { Gateway } from './gateway.ts';

export function statusOf(
  board: Board,
  gateway: Gateway,
  now_m: number,
): { readonly instances: readonly InstanceStatus[]; readonly endpoints: readonly EndpointStatus[] } {
  return {
    instances: [...board.instances.values()].map((instance) =>
      instanceStatus(board, gateway, instance, now_m),
    ),
    endpoints: [...board.endpoints.values()].map((endpoint) => endpointStatus(board, endpoint, now_m)),
  };
}

function instanceStatus(
  board: Board,
  gateway: Gateway,
  instance: BoardInstance,
  now_m: number,
): InstanceStatus {
  const session = gateway.session(instance.id);
  const leases = [...board.leases.values()].filter((lease) => lease.instance === instance.id);
  return {
    id: instance.id,
    name: instance.name,
    state: !instance.connected ? 'disconnected' : instance.draining ? 'draining' : 'connected',
    slots: instance.slots,
    endpoints: [...instance.endpoints],
    address: session?.wire.peer ?? null,
    version: session?.hello.version ?? null,
    pid: gateway.pidHere(instance.id),
    silent_ms: session === undefined ? null : Math.round(now_m - session.wire.heard_at),
    running: leases.map((lease) => ({
      name: lease.name,
      run: lease.run,
      attempt: lease.attempt,
      endpoint: lease.endpoint,
      model: lease.model,
      elapsed_ms: Math.round(now_m - lease.started_m),
      timeout_ms: lease.attempt_timeout_ms,
      pid: session?.pidOf(lease) ?? null,
    })),
  };
}

function endpointStatus(board: Board, endpoint: BoardEndpoint, now_m: number): EndpointStatus {
  const { name, kind, max_concurrent, running, paused } = endpoint;
  const gate =
    board.gates.get(Gates.key(name, null)) ?? [...board.gates.values()].find((one) => one.endpoint === name);
  const state = gate === undefined ? 'open' : gate.until_m > now_m ? 'closed' : 'probing';
  return { name, kind, max_concurrent, running, paused, gate: state, reason: gate?.reason ?? null };
}
