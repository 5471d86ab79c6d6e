// What every provider holds to, of the vendors' platforms.
import { describe } from 'vitest';
import { startModelServer } from '../support/model-server.ts';
import { httpProviderSuite } from './http-provider-suite.ts';
import { providerSuite } from './provider-suite.ts';
import { VENDORS } from './vendors.ts';

for (const [kind, path, manners] of VENDORS) {
  describe(`every provider: ${kind}`, () => {
    providerSuite(kind, async () => {
      const server = await startModelServer();
      server.script('slowly', { tokens: 20, token_delay_ms: 1 });
      const slow = { messages: [{ role: 'user', content: 'slowly' }] } as const;
      return { slow, base_url: `${server.url}${path}`, close: async () => server.close() };
    });
  });

  describe(`every provider over HTTP: ${kind}`, () => {
    httpProviderSuite(kind, path, manners);
  });
}
