/** Google's Gemini API (https://ai.google.dev/api/generate-content). */
import { isJsonObject, type Json } from '../core/json.ts';
import { KEY_ELSEWHERE, unsaid, type Platform } from './platform.ts';

export const GOOGLE: Platform = {
  kind: 'google',
  async load() {
    const { createGoogle } = await import('@ai-sdk/google');
    return ({ base_url, model, fetch }) =>
      createGoogle({ baseURL: base_url, apiKey: KEY_ELSEWHERE, fetch })(model);
  },
  // Google takes a key in the query, too, where logs of servers would keep it.
  key_header: 'x-goog-api-key',
  library_headers: [],
  body: {
    prompt: ['contents', 'systemInstruction'],
    reserved: new Set(['model', 'contents', 'systemInstruction', 'candidateCount']),
    nested: new Set(['generationConfig', 'thinkingConfig']),
    inside: {
      object: 'generationConfig',
      beside: new Set([
        ...['generationConfig', 'safetySettings', 'tools', 'toolConfig', 'cachedContent'],
        ...['serviceTier', 'labels', 'store'],
      ]),
    },
  },
  attachments: ['*'],
  own: unsaid('min_p'),
  // Thoughts are thought whether or not they are shown; who asks for reasoning wants to read it.
  options({ parameters }): ReturnType<NonNullable<Platform['options']>> {
    const asked = parameters['reasoning'] ?? false;
    return asked === false ? {} : { google: { thinkingConfig: { includeThoughts: true } } };
  },
  // The model stands in the path of the request, where anything but a name could lead elsewhere.
  refusesModel(model) {
    const isName = model.split('/').every((part) => /^[\w-][\w.-]*$/.test(part));
    return isName ? null : `"${model}" can be no model of Gemini: expected a name like gemini-2.5-flash.`;
  },
  // The usage is left to the SDK, which adds it up where an answer takes several requests.
  tells: ({ modelVersion }) => ({ model: modelVersion }),
  counts: {
    // Google leaves out what is 0.
    input: [['promptTokenCount']],
    cached: [['cachedContentTokenCount']],
    output: [['candidatesTokenCount'], ['thoughtsTokenCount']],
    reasoning: [['thoughtsTokenCount']],
  },
  models: {
    path: '/models?pageSize=1000',
    names({ models }) {
      if (!Array.isArray(models)) return null;
      return (models as readonly Json[]).flatMap((one) => {
        if (!isJsonObject(one) || typeof one['name'] !== 'string') return [];
        const methods = one['supportedGenerationMethods'];
        const answers = !Array.isArray(methods) || methods.includes('generateContent');
        return answers ? [one['name'].replace(/^models\//, '')] : [];
      });
    },
  },
};
