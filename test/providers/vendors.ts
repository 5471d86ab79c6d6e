// The vendors' platforms as tests meet them: where our scripted server speaks as them, and in what they differ.
import type { EndpointKind } from '../../src/core/endpoints.ts';
import type { Manners } from './http-provider-suite.ts';

export const VENDORS: readonly (readonly [kind: EndpointKind, path: string, manners: Manners])[] = [
  ['openai', '/v1', { hides_reasoning: true }],
  ['mistral', '/mistral/v1', { filters_nothing: true }],
  ['anthropic', '/anthropic/v1', { key_header: 'x-api-key', always_counts: true }],
  ['google', '/google/v1beta', { key_header: 'x-goog-api-key' }],
];

/** Every platform that is asked over HTTP. */
export const PLATFORMS = ['ollama', 'openai-compatible', 'openai', 'anthropic', 'google', 'mistral'] as const;

/** Where our scripted server speaks as that platform. */
export function pathOf(kind: EndpointKind): string {
  if (kind === 'openai-compatible') return '/v1';
  return VENDORS.find(([vendor]) => vendor === kind)?.[1] ?? '';
}
