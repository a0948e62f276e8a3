// The gateway's operating failures: one class, a closed table of codes (STYLE "Errors").

/** Every code a `GatewayError` can carry, with what it means and what the reader can do next. */
export const GATEWAY_ERRORS = {
  ERR_RUNNER_SPEC: {
    meaning: 'The command as given cannot be run exactly: empty argv, a NUL, a bad variable name or marker.',
    next: 'Correct the argument named in the message.',
  },
  ERR_RUNNER_NOT_FOUND: {
    meaning: 'No executable of that name is where it was looked for.',
    next: 'Give an absolute path, or a PATH of absolute directories that contains it.',
  },
  ERR_RUNNER_NOT_EXECUTABLE: {
    meaning:
      'The file cannot be measured and executed: a directory, not executable, not readable, or of no known form.',
    next: 'Name a readable program; a text file without a #! line is refused because only a shell would run it.',
  },
  ERR_RUNNER_CHANGED: {
    meaning: 'The executable is not the one that was measured.',
    next: 'Measure again and ask again; if nobody changed it on purpose, find out who did.',
  },
  ERR_RUNNER_CWD: {
    meaning: 'The working directory is not an absolute path of an existing directory.',
    next: 'Give an absolute directory that exists on this host.',
  },
  ERR_RUNNER_CONFINEMENT: {
    meaning: 'The confinement asked for is not to be had on this host.',
    next: 'Call detectConfinement() and read its `why`; policy may also refuse to run here.',
  },
  ERR_RUNNER_GUARDIAN: {
    meaning:
      'The guardian was lost before it said that the command started; what it may have started was killed.',
    next: 'Treat the execution as in doubt; check that Node, `unshare` and `setpriv` work for this account.',
  },
  ERR_RUNNER_SPAWN: {
    meaning: 'The system refused to execute the command.',
    next: 'The message quotes the system: E2BIG means that arguments and environment are too long.',
  },
  ERR_RUNNER_HALTED: {
    meaning: 'A halt came before the command had started; nothing ran.',
    next: 'None: ask again if the command is still wanted.',
  },
  ERR_RUNNER_SURVIVORS: {
    meaning: 'Processes of the execution were still alive after they had been killed for 5 s.',
    next: 'Look at the process ids in `pids` by hand; treat the execution as in doubt.',
  },
  ERR_MCP_LINE: {
    meaning: 'A line of the client or the tool server is longer than 16 MiB, or not UTF-8.',
    next: 'Pass large values by reference; check that the server writes only JSON to its standard output.',
  },
  ERR_MCP_SERVER: {
    meaning: 'The tool server cannot be started, or ended while it was needed.',
    next: 'Run its command by hand and read what it says on standard error.',
  },
  ERR_MCP_PINS: {
    meaning: 'The pin file is broken, of another server, or cannot be written.',
    next: 'Look at the file; remove it only to pin all tools anew after a review.',
  },
  ERR_MCP_CONFIG: {
    meaning: 'A client configuration cannot be read, changed or restored.',
    next: 'Look at the file named in the message; nothing was changed.',
  },
} as const satisfies Record<string, { readonly meaning: string; readonly next: string }>;

/** The closed union of this package's error codes. */
export type GatewayErrorCode = keyof typeof GATEWAY_ERRORS;

/** An operating failure of a door program, with a stable code; `pids` is set for ERR_RUNNER_SURVIVORS only. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: GatewayErrorCode;
  readonly pids?: readonly number[];

  constructor(
    code: GatewayErrorCode,
    message: string,
    options?: ErrorOptions & { readonly pids?: readonly number[] },
  ) {
    super(message, options);
    this.code = code;
    if (options?.pids !== undefined) this.pids = options.pids;
  }
}
