/** `promptd endpoints test NAME`: whether an endpoint answers, asked from here and not by the server. */
import { EXIT, Problem } from '../../core/errors.ts';
import type { Context } from '../context.ts';
import type { EndpointTest } from '../deps.ts';
import { waitForInterrupts } from '../following/interrupts.ts';
import { plainLine, plainText } from '../plain-text.ts';
import { count } from '../quantities.ts';

export async function endpointTest(context: Context, name: string | undefined): Promise<number> {
  const { out, deps, given } = context;
  if (name === undefined)
    throw new Problem('InvalidRequest', 'Which endpoint? Give its name: promptd endpoints test ollama');
  const workspace = await context.workspace();
  const model = given.text('model') ?? null;
  const interrupts = waitForInterrupts(context);
  try {
    const test = await deps.testEndpoint({ workspace, endpoint: name, model }, interrupts.signal);
    if (test === null) return EXIT.interrupted;
    if (out.json) await out.value(test);
    else await show(context, test);
    return test.ok ? EXIT.ok : exitOf(test.reason.code);
  } finally {
    interrupts.stop();
  }
}

async function show({ out }: Context, test: EndpointTest): Promise<void> {
  const at = test.server === null ? '' : ` at ${plainLine(test.server)}`;
  const asked = test.model === null ? '' : `, model ${plainLine(test.model)}`;
  out.notice(`${plainLine(test.endpoint)} (${test.kind}${at})${asked}`);
  if (test.kind === 'simulator') out.notice('This is a stand-in: it makes answers up and asks no model.');
  if (!test.ok) return out.complain(plainText(`${test.reason.code}: ${test.reason.message}`));
  const { usage, first_token_ms, total_ms, warnings, answer } = test;
  const first = first_token_ms === null ? '' : `first token after ${Math.round(first_token_ms)} ms, `;
  const tokens = usage === null ? '' : `; ${told(usage.input)} tokens in, ${told(usage.output)} out`;
  for (const warning of warnings) out.notice(plainLine(warning));
  out.notice(`${first}all after ${total_ms} ms${tokens}`);
  return out.line(plainText(answer.trim()));
}

function told(tokens: number | null): string {
  return tokens === null ? '?' : count(tokens);
}

function exitOf(code: string): number {
  if (code === 'EndpointUnreachable') return EXIT.unreachable;
  return code === 'EndpointAuth' ? EXIT.not_allowed : EXIT.job_failed;
}
