/** Asks an Ollama for its models, quickly; null where none answers. */
const PATIENCE_MS = 700;

export async function ollamaModels(base_url: string): Promise<readonly string[] | null> {
  try {
    const response = await fetch(new URL('/api/tags', base_url), {
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (!response.ok) return null;
    const body = (await response.json()) as { models?: { name?: string }[] };
    return (body.models ?? []).flatMap((model) => (typeof model.name === 'string' ? [model.name] : []));
  } catch {
    return null;
  }
}
