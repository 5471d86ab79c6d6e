/** The one place where the environment of the process is read; it is handed on from here. */

export type Environment = Readonly<Record<string, string | undefined>>;

export function environment(): Environment {
  return process.env;
}
