/** What the exit code of `suanpan` says. */
export const exitCodes = {
  /** Done as asked. */
  done: 0,
  /** Understood, and failed: the sentence on stderr says why. */
  failed: 1,
  /** Not understood: wrong usage. Nothing was done. */
  usage: 2,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
