/** G21: what the process of an attempt finds in its environment, and in its arguments. */
import { expect, it } from 'vitest';
import { attemptChildSpec } from '../../src/app/attempt-child-spec.ts';
import { endpointOf } from '../executor/attempts.ts';

const OWN = endpointOf({ name: 'own', api_key_env: 'OWN_KEY' });
const OTHER = endpointOf({ name: 'other', api_key_env: 'OTHER_KEY' });
const FREE = endpointOf({ name: 'free' });
const ENV = {
  PATH: '/bin',
  HTTPS_PROXY: 'http://proxy',
  OWN_KEY: 'sk-canary-own',
  OTHER_KEY: 'sk-canary-other',
  PROMPTD_INSTANCE_TOKEN: 'canary-instance',
  PROMPTD_KEY: 'canary-key',
  UNSET: undefined,
};

function specOf(endpoint: typeof OWN, pass_env: readonly string[] = []) {
  const endpoints = new Map([OWN, OTHER, FREE].map((one) => [one.name, one]));
  return attemptChildSpec({ env: ENV, endpoints, pass_env }, endpoint);
}

it('G21: the process of an attempt finds what its instance does, with the key of its own endpoint alone', () => {
  const shared = { PATH: '/bin', HTTPS_PROXY: 'http://proxy' };
  expect(specOf(OWN).env).toEqual({ ...shared, OWN_KEY: 'sk-canary-own' });
  expect(specOf(FREE).env).toEqual(shared);
});

it('G21: the process of an attempt finds what the configuration passes on to programs by name', () => {
  expect(specOf(FREE, ['OTHER_KEY', 'PROMPTD_KEY']).env).toMatchObject({
    OTHER_KEY: 'sk-canary-other',
    PROMPTD_KEY: 'canary-key',
  });
});

it('G21: no argument of the process of an attempt is a secret: anybody can read them', () => {
  const { argv } = specOf(OWN);
  expect(argv).toHaveLength(2);
  expect(argv.join(' ')).not.toContain('canary');
});
