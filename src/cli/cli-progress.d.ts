/** The part of cli-progress 3 that is used; the package brings no types of its own. */
declare module 'cli-progress' {
  interface BarOptions {
    readonly stream: NodeJS.WritableStream;
    readonly format: string;
    readonly barCompleteChar: string;
    readonly barIncompleteChar: string;
    readonly barsize: number;
    readonly fps: number;
    readonly hideCursor: boolean;
    readonly clearOnComplete: boolean;
    readonly gracefulExit: boolean;
  }

  class SingleBar {
    constructor(options: BarOptions);
    readonly isActive: boolean;
    start(total: number, value: number, payload: object): void;
    update(value: number, payload: object): void;
    setTotal(total: number): void;
    stop(): void;
  }

  const progress: { readonly SingleBar: typeof SingleBar };
  export default progress;
}
