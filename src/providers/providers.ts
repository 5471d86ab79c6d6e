/** The providers, one for each kind of endpoint. */
import type { EndpointKind } from '../core/endpoints.ts';
import type { Provider } from '../core/ports/provider.ts';
import { AiSdkProvider } from './ai-sdk-provider.ts';
import { ANTHROPIC } from './anthropic.ts';
import { Connections, type ConnectionsOptions } from './exchange.ts';
import { GOOGLE } from './google.ts';
import { MISTRAL } from './mistral.ts';
import { OllamaProvider } from './ollama.ts';
import { OPENAI } from './openai.ts';
import { OPENAI_COMPATIBLE } from './openai-compatible.ts';
import type { Platform } from './platform.ts';
import { SimulatorProvider } from './simulator.ts';

const PLATFORMS: readonly Platform[] = [OPENAI_COMPATIBLE, OPENAI, ANTHROPIC, GOOGLE, MISTRAL];

/** Costs nothing until the first call: the libraries of a platform are loaded with it. */
export function createProviders(options: ConnectionsOptions): ReadonlyMap<EndpointKind, Provider> {
  const connections = new Connections(options);
  return new Map<EndpointKind, Provider>([
    ['simulator', new SimulatorProvider(options)],
    ['ollama', new OllamaProvider(connections)],
    ...PLATFORMS.map((one): [EndpointKind, Provider] => [one.kind, new AiSdkProvider(connections, one)]),
  ]);
}
