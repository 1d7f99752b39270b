// How a command ended, for scripts.

export const EXIT = {
  fine: 0,
  /** It went wrong, was refused, or `check` and `doctor` have findings. */
  failed: 1,
  /** Wrong usage or configuration. */
  usage: 2,
  /** No node answered, or none can at the moment; nothing was done, and the same command can work later. */
  unreachable: 3,
  /** An act was sent and not answered: it may have been done. The audit tells. */
  unknown: 4,
  /** Ctrl-C while a run was followed, which goes on. */
  interrupted: 130,
} as const;
