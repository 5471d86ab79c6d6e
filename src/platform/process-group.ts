/** Sends a signal to all of a process group; one that is gone already is none. */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: nobody is left. EPERM: what is left has become another user's, and beyond us.
  }
}
