/** An error that nobody caught: what is in memory cannot be trusted any more, so the process ends, and says why first. */

/** `die` ends the process. An unhandled rejection comes here, too: Node makes an uncaught exception of it. */
export function onUncaught(die: (reason: string) => void): { release(): void } {
  const caught = (error: unknown): void =>
    die(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.on('uncaughtException', caught);
  return { release: () => void process.off('uncaughtException', caught) };
}
