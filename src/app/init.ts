/** `promptd init`: a workspace with a commented configuration, an example, and a model that is really there. */
import { resolve } from 'node:path';
import type { InitOptions, InitReport } from '../cli/deps.ts';
import { jobJsonSchema } from '../core/job.ts';
import { systemFiles } from '../platform/files.ts';
import { createWorkspace } from '../workspace/create-workspace.ts';
import { layoutOf } from '../workspace/layout.ts';
import { loadConfig } from './config.ts';
import { type Environment } from './environment.ts';
import { ollamaModels } from './ollama-models.ts';

const IGNORE = `# What promptd keeps for itself. Jobs, results and ended runs are yours: commit them if you like.
.promptd/
`;

export async function init(dir: string, options: InitOptions, env: Environment): Promise<InitReport> {
  const root = resolve(dir);
  const layout = layoutOf(root);
  const ollama = await firstOllama(root, env);
  const model =
    options.model ?? (ollama.models[0] === undefined ? 'simulator:demo' : `ollama:${ollama.models[0]}`);
  const simulated = model.startsWith('simulator:');
  const report = await createWorkspace(systemFiles, layout, [
    { path: 'promptd.config.json', text: configText() },
    { path: 'jobs/hello.json', text: exampleJob(model) },
    { path: 'data/editor.txt', text: 'You are a careful editor. You answer briefly, in Markdown.\n' },
    { path: '.gitignore', text: IGNORE },
    { path: 'job.schema.json', text: `${JSON.stringify(jobJsonSchema(), null, 2)}\n` },
  ]);
  const relative = (path: string): string => path.slice(root.length + 1);
  return {
    root,
    written: report.created.map(relative).filter((path) => path !== ''),
    kept: report.kept.map(relative),
    model,
    simulated,
    notes: notesOf(ollama, simulated),
  };
}

async function firstOllama(
  root: string,
  env: Environment,
): Promise<{ readonly url: string; readonly models: readonly string[]; readonly answered: boolean }> {
  const config = await loadConfig(root, env);
  const url = config.endpoints.get('ollama')?.base_urls[0] ?? 'http://127.0.0.1:11434';
  const models = await ollamaModels(url);
  return { url, models: models ?? [], answered: models !== null };
}

function notesOf(
  ollama: { readonly url: string; readonly models: readonly string[]; readonly answered: boolean },
  simulated: boolean,
): string[] {
  const has = ollama.models.length > 0 ? [`Ollama at ${ollama.url} has ${ollama.models.join(', ')}.`] : [];
  if (!simulated) return has;
  // The stand-in was asked for by name.
  if (ollama.models.length > 0) return has;
  const why = ollama.answered
    ? `Ollama at ${ollama.url} has no model yet (ollama pull llama3.2:3b).`
    : `No Ollama answered at ${ollama.url}.`;
  return [`${why} The example asks the simulator, a stand-in that answers without a model.`];
}

function exampleJob(model: string): string {
  return `{
  "$schema": "../job.schema.json",
  // A prompt may be a plain string, too. {{ role }} is filled from "data".
  "prompt": {
    "prepend": "{{ role }}",
    "base": "Explain in three points why a queue for language-model jobs must be durable.",
    "data": { "role": { "file": "data/editor.txt" } }
  },
  "configuration": {
    "LLM_name": ${JSON.stringify(model)},
    "temperature": 0.2,
    "seed": 7,
    "max_tokens": 400
  }
}
`;
}

function configText(): string {
  return `{
  // Every key is optional; these are the defaults. docs/configuration.md describes all of them.
  // Models without an endpoint before the first colon belong to this endpoint.
  "default_endpoint": "ollama",
  "endpoints": {
    "ollama": { "kind": "ollama" },
    // A stand-in that answers without a model: for trying things out.
    "simulator": { "kind": "simulator" }
    // vLLM, llama.cpp, LM Studio and others that speak OpenAI's protocol:
    // "vllm": { "kind": "openai-compatible", "base_url": "http://127.0.0.1:8000/v1", "max_concurrent": 64 },
    // Keys come from the environment or a file of mode 0600, never from here:
    // "hosted": { "kind": "openai-compatible", "base_url": "https://api.example.com/v1", "api_key_env": "EXAMPLE_API_KEY" },
    // Vendors (openai, anthropic, google, mistral) need a key alone:
    // "claude": { "kind": "anthropic", "api_key_env": "ANTHROPIC_API_KEY" }
  }
  // "http": { "port": 7433 }, "instances": { "port": 7434 }, "instance": { "slots": 64 }
}
`;
}
