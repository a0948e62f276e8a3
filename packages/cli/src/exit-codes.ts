/** The exit codes of `licet`: one closed table, held against README.md and the code by a test. */

/** Name → number. */
export const EXIT = { ok: 0, failed: 1, usage: 2, denied: 3, notVerified: 4, signerUnknown: 5 } as const;

export type ExitName = keyof typeof EXIT;
export type ExitCode = (typeof EXIT)[ExitName];

/** What each one means, in the words of the README. */
export const EXIT_MEANINGS: Readonly<Record<ExitName, string>> = {
  ok: 'Done; for `verify`: verified under the named trust.',
  failed: 'It could not be done; the message says what is still true.',
  usage: 'The command line is wrong.',
  denied: 'Denied, held for a person, or halted.',
  notVerified: 'Evidence, log or checkpoint did not verify.',
  signerUnknown: 'Consistent with itself; the signer is unknown.',
};
