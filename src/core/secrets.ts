/** Secrets and addresses, as far as they can be recognised: a job must not carry any, since jobs are kept for ever. */

const SECRET_KEYS: ReadonlySet<string> = new Set([
  'apikey',
  'xapikey',
  'authorization',
  'proxyauthorization',
  'auth',
  'bearer',
  'password',
  'passwd',
  'passphrase',
  'secret',
  'secrets',
  'token',
  'credential',
  'credentials',
  'cookie',
  'headers',
  'header',
  'httpheaders',
  'extraheaders',
  'defaultheaders',
]);
const ADDRESS_KEYS: ReadonlySet<string> = new Set([
  'baseurl',
  'baseurls',
  'url',
  'uri',
  'apibase',
  'apiurl',
  'endpointurl',
  'host',
  'proxy',
]);
const SECRET_ENDING =
  /(api|access|auth|bearer|client|private|refresh|secret|session|id|user|hf|github|openai|anthropic)(key|token|secret|password)$/;

/** Keys of vendors, by the beginning that they give them, so that a leaked one can be found; and some general forms. */
const SECRET_VALUES: readonly RegExp[] = [
  /\bsk-[A-Za-z0-9_-]{16,}/,
  /\bAIza[A-Za-z0-9_-]{30,}/,
  /\bxai-[A-Za-z0-9]{20,}/,
  /\bgh[pousr]_[A-Za-z0-9]{20,}/,
  /\bgithub_pat_[A-Za-z0-9_]{20,}/,
  /\bgsk_[A-Za-z0-9]{20,}/,
  /\bhf_[A-Za-z0-9]{20,}/,
  /\bpplx-[A-Za-z0-9]{20,}/,
  /\br8_[A-Za-z0-9]{20,}/,
  /\bnvapi-[A-Za-z0-9_-]{20,}/,
  /\bAKIA[A-Z0-9]{16}\b/,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}/,
  /\bBearer\s+[A-Za-z0-9._~+/-]{16,}/i,
  /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
];
/** What all of the above have in common is quickly looked for. */
const SUSPICIOUS =
  /sk-|AIza|xai-|gh[pousr]_|github_pat_|gsk_|hf_|pplx-|r8_|nvapi-|AKIA|xox[abprs]-|bearer|eyJ|PRIVATE KEY/i;
const ADDRESS_VALUE = /^\s*(https?|wss?|ftp|unix|tcp):\/\//i;

/** Whether a key names a secret, or an address that decides where the secret of an endpoint is sent. */
export function isSecretKey(key: string): boolean {
  const bare = key.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  return SECRET_KEYS.has(bare) || ADDRESS_KEYS.has(bare) || SECRET_ENDING.test(bare);
}

export function looksLikeSecret(text: string): boolean {
  return SUSPICIOUS.test(text) && SECRET_VALUES.some((pattern) => pattern.test(text));
}

export function looksLikeAddress(text: string): boolean {
  return ADDRESS_VALUE.test(text);
}
