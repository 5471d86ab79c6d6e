/** Calls between the threads of `serve`, over a MessagePort. Problems keep their code on the way. */
import { createBirpc } from 'birpc';
import type { MessagePort } from 'node:worker_threads';
import { messageOf, Problem, problemBody, type ProblemBody, problemFromBody } from '../core/errors.ts';

type Answer<T> = { readonly value: T } | { readonly problem: ProblemBody };

type Functions = Readonly<Record<string, (...args: never[]) => unknown>>;

/** Functions as the other side calls them: each answers with a promise. */
export type Remote<F> = {
  readonly [K in keyof F]: F[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

export interface Channel<F> {
  readonly remote: Remote<F>;
  /** Sends without waiting for an answer. */
  tell<K extends keyof F & string>(
    name: K,
    ...args: F[K] extends (...args: infer A) => unknown ? A : never
  ): void;
  close(): void;
}

export function openChannel<RemoteFunctions extends object, LocalFunctions extends object>(
  port: MessagePort,
  local: LocalFunctions,
): Channel<RemoteFunctions> {
  const wrapped: Record<string, (...args: never[]) => Promise<Answer<unknown>>> = {};
  for (const [name, fn] of Object.entries(local as Functions))
    wrapped[name] = (...args) => answerOf(() => fn(...args));
  const rpc = createBirpc<
    Record<string, (...args: unknown[]) => Promise<Answer<unknown>>>,
    typeof wrapped,
    false
  >(wrapped, {
    post: (data) => port.postMessage(data),
    on: (fn) => void port.on('message', fn),
    timeout: -1,
    proxify: false,
  });
  const call = async (name: string, args: unknown[]): Promise<unknown> => {
    const answer = await rpc.$call(name, ...args);
    if ('problem' in answer) throw problemFromBody(answer.problem);
    return answer.value;
  };
  const remote = new Proxy(
    {},
    { get: (_, name) => (name === 'then' ? undefined : (...args: unknown[]) => call(String(name), args)) },
  ) as Remote<RemoteFunctions>;
  return {
    remote,
    tell: (name, ...args) => void rpc.$callEvent(name, ...(args as unknown[])),
    close(): void {
      rpc.$close();
      port.close();
    },
  };
}

async function answerOf(fn: () => unknown): Promise<Answer<unknown>> {
  try {
    return { value: await fn() };
  } catch (error) {
    const problem = error instanceof Problem ? error : new Problem('Internal', messageOf(error));
    return { problem: problemBody(problem) };
  }
}
