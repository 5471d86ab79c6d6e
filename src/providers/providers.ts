/** The providers, one for each kind of endpoint. */
import type { EndpointKind } from '../core/endpoints.ts';
import type { Clock, Timers } from '../core/ports/clock.ts';
import type { Provider } from '../core/ports/provider.ts';
import { AiSdkProvider } from './ai-sdk-provider.ts';
import { Connections } from './exchange.ts';
import { OllamaProvider } from './ollama.ts';
import { OPENAI_COMPATIBLE } from './openai-compatible.ts';
import { SimulatorProvider } from './simulator.ts';

/** Costs nothing until the first call: the libraries of a platform are loaded with it. */
export function createProviders(options: {
  readonly clock: Clock;
  readonly timers: Timers;
}): ReadonlyMap<EndpointKind, Provider> {
  const connections = new Connections(options);
  return new Map<EndpointKind, Provider>([
    ['simulator', new SimulatorProvider(options)],
    ['ollama', new OllamaProvider(connections)],
    ['openai-compatible', new AiSdkProvider(connections, OPENAI_COMPATIBLE)],
  ]);
}
