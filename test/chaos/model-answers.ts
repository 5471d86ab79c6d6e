/** What the model of a chaos run answers: every request of a question gets a text of its own, so that answers can be told apart. */

/** The whole answer to the nth request (from 1) of a question. */
export function answerTo(question: string, nth: number): string {
  return answerPieces(question, nth).join('');
}

/** The answer as it is streamed. */
export function answerPieces(question: string, nth: number): readonly string[] {
  const words = Array.from({ length: 1 + (question.length % 7) }, (_, index) => ` word${index}`);
  return [`Draw ${nth} of`, ` <${question}>:`, ...words];
}

/** Which request of which question brought this text; null where no request can have brought it. */
export function requestOf(text: string): { readonly question: string; readonly nth: number } | null {
  const match = /^Draw (\d+) of <([^>]*)>:/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  const [nth, question] = [Number(match[1]), match[2]];
  return answerTo(question, nth) === text ? { question, nth } : null;
}
