/**
 * Errors as people and scripts see them: a stable code, what happened, what is still true, the next step, and an exit
 * code. Errors of every other package are read here through their own tables; nothing ever shows a stack by default.
 */
import { CommanderError } from 'commander';
import { EVIDENCE_ERRORS } from '@licet/evidence';
import { EXIT, type ExitCode } from './exit-codes.ts';

interface ErrorRow {
  readonly meaning: string;
  readonly next: string;
  readonly exit: ExitCode;
}

/** Every code this package throws. */
export const CLI_ERRORS = {
  ERR_CLI_USAGE: {
    meaning: 'The command line does not say what to do.',
    next: 'Run the command with --help.',
    exit: EXIT.usage,
  },
  ERR_CLI_FILE: {
    meaning: 'A file cannot be read or written.',
    next: 'Check the path and its permissions.',
    exit: EXIT.failed,
  },
  ERR_CLI_EXISTS: {
    meaning: 'There is something at that place already.',
    next: 'Name another place; nothing is overwritten.',
    exit: EXIT.failed,
  },
  ERR_CLI_NO_DATA: {
    meaning: 'The data folder holds no plane.',
    next: 'Run `licet init`, or name the folder with --data.',
    exit: EXIT.failed,
  },
  ERR_CLI_TOKEN: {
    meaning: 'There is no operator token to act with.',
    next: 'Set LICET_TOKEN, or run as the user who ran `licet init`.',
    exit: EXIT.denied,
  },
  ERR_CLI_LAST_KEY: {
    meaning: 'Nobody could sign in as this person any more.',
    next: 'Make a passkey first, in the console under You.',
    exit: EXIT.denied,
  },
  ERR_CLI_TRUST: {
    meaning: 'The trust store or trust file cannot be used.',
    next: 'Correct the file named in the message; nobody is believed until then.',
    exit: EXIT.failed,
  },
  ERR_CLI_TRUST_CONFLICT: {
    meaning: 'The trust store names other keys for this log already.',
    next: 'Find out by another way which keys are right; pinned keys are never replaced by `trust add`.',
    exit: EXIT.notVerified,
  },
  ERR_CLI_TRUST_UNKNOWN: {
    meaning: 'The trust store does not name this log.',
    next: 'Pin it with `licet trust add FILE`; get the file by a way you trust.',
    exit: EXIT.signerUnknown,
  },
  ERR_CLI_DRILL: {
    meaning: 'The drill could not be made.',
    next: 'Look at `licet up` or health first; a plane that refuses nothing must not run.',
    exit: EXIT.failed,
  },
  ERR_CLI_VIEWER: {
    meaning: 'The offline viewer is not there.',
    next: 'Build the pages: npm run build -w packages/console.',
    exit: EXIT.failed,
  },
  ERR_CLI_FORK: {
    meaning: 'The log shows two histories: two checkpoints that cannot both be honest.',
    next: 'Keep the file named in the message; it proves the fork. Do not rely on this log.',
    exit: EXIT.notVerified,
  },
  ERR_CLI_UNLINKED: {
    meaning: 'It could not be shown that the log only grew since the remembered checkpoint.',
    next: 'Ask again with --from an address or folder that serves the log.',
    exit: EXIT.notVerified,
  },
  ERR_CLI_LOG: {
    meaning: 'The log does not recompute.',
    next: 'Do not write to this folder; restore a copy and compare it with your remembered checkpoint.',
    exit: EXIT.notVerified,
  },
  ERR_CLI_POLICY: {
    meaning: 'The policy has problems, or one of its tests does not hold.',
    next: 'Correct every listed problem; nothing was published.',
    exit: EXIT.failed,
  },
  ERR_CLI_DENIED: {
    meaning: 'The plane denied it.',
    next: 'Read the reason; `licet explain ID` says more.',
    exit: EXIT.denied,
  },
  ERR_CLI_CONFIRM: {
    meaning: 'It was not confirmed.',
    next: 'Answer yes, or give --yes.',
    exit: EXIT.failed,
  },
  ERR_CLI_NOT_FOUND: {
    meaning: 'There is no such thing in this plane.',
    next: 'Check the id; `licet runs list` shows the newest.',
    exit: EXIT.failed,
  },
  ERR_CLI_STOP: {
    meaning: 'The stop order reached nobody.',
    next: 'Kill the plane and the doors by hand; leases end by themselves.',
    exit: EXIT.failed,
  },
  ERR_CLI_INTERNAL: {
    meaning: 'The command failed in a way that nobody foresaw.',
    next: 'Run it again with LICET_DEBUG=1 and report what it prints.',
    exit: EXIT.failed,
  },
} as const satisfies Readonly<Record<string, ErrorRow>>;

export type CliErrorCode = keyof typeof CLI_ERRORS;

/** What this package throws. `message` says what happened; `still` what is true nevertheless. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: CliErrorCode;
  readonly still: string | undefined;
  readonly next: string;
  /** More for --json: a list of problems, a path. */
  readonly detail: unknown;

  constructor(
    code: CliErrorCode,
    message: string,
    options: {
      readonly still?: string;
      readonly next?: string;
      readonly detail?: unknown;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.still = options.still;
    this.next = options.next ?? CLI_ERRORS[code].next;
    this.detail = options.detail;
  }
}

/** A failure ready to be shown. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly still?: string;
  readonly next: string;
  readonly exit: ExitCode;
  readonly detail?: unknown;
}

/** Problem codes of the HTTP contract that mean "you may not", and those that mean "not like this". */
const DENIALS: readonly string[] = ['forbidden', 'unidentified', 'stale_proof', 'session_ended'];
const UNANSWERED: Readonly<Record<string, string>> = {
  unreachable: 'Check that the plane runs: `licet up`.',
  timeout: 'Ask again; a changing call with the same key acts once.',
  garbled:
    'Something else may be answering there, or the trust store names another log. Check --data or --url.',
};

/** Returns how an error of any package is shown. Unknown ones become `ERR_CLI_INTERNAL`, never a pass. */
export async function failureOf(error: unknown): Promise<Failure> {
  if (error instanceof CliError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.still === undefined ? {} : { still: error.still }),
      next: error.next,
      exit: CLI_ERRORS[error.code].exit,
      ...(error.detail === undefined ? {} : { detail: error.detail }),
    };
  }
  if (error instanceof CommanderError) {
    return {
      code: 'ERR_CLI_USAGE',
      message: error.message.replace(/^error: /, ''),
      next: CLI_ERRORS.ERR_CLI_USAGE.next,
      exit: EXIT.usage,
    };
  }
  return (await foreign(error)) ?? internal(error);
}

async function foreign(error: unknown): Promise<Failure | undefined> {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  const { code, message: text } = error;
  const message = text.startsWith(`${code}: `) ? text.slice(code.length + 2) : text;
  switch (error.name) {
    case 'PlaneError': {
      const { PROBLEMS } = await import('@licet/api');
      const next = Object.hasOwn(PROBLEMS, code)
        ? PROBLEMS[code as keyof typeof PROBLEMS][2]
        : UNANSWERED[code];
      if (next === undefined) return undefined;
      if (code === 'not_found') return { code, message, next, exit: EXIT.failed };
      return {
        code,
        message,
        // RULE 6: a call that was not answered may have acted; saying that it did not would be a guess.
        still:
          UNANSWERED[code] === undefined && code !== 'unknown_result'
            ? 'Nothing was changed by this call.'
            : 'Whether it was recorded cannot be told from here; `licet log tail` shows it.',
        next,
        exit: DENIALS.includes(code) ? EXIT.denied : EXIT.failed,
      };
    }
    case 'EvidenceError':
    case 'ForkError':
      return fromTable(EVIDENCE_ERRORS, code, message, EXIT.notVerified);
    case 'PolicyError': {
      const { POLICY_ERRORS } = await import('@licet/policy');
      const problems = 'problems' in error ? error.problems : undefined;
      // The class lists its problems in the message too; here they are shown one by one.
      const head = message.split('\n', 1)[0]!;
      const failure = fromTable(POLICY_ERRORS, code, head, EXIT.failed);
      return failure === undefined ? undefined : { ...failure, detail: { problems } };
    }
    case 'StoreError': {
      const { STORE_ERRORS } = await import('@licet/store');
      return fromTable(
        STORE_ERRORS,
        code,
        message,
        code === 'ERR_STORE_CORRUPT' ? EXIT.notVerified : EXIT.failed,
      );
    }
    case 'ServerError':
      return fromTable((await import('@licet/server')).SERVER_ERRORS, code, message, EXIT.failed);
    case 'SdkError':
      return fromTable((await import('@licet/sdk')).SDK_ERRORS, code, message, EXIT.failed);
    case 'GatewayError':
      return fromTable((await import('@licet/gateway')).GATEWAY_ERRORS, code, message, EXIT.failed);
    case 'ControlPlaneError':
      return fromTable(
        (await import('@licet/control-plane')).CONTROL_PLANE_ERRORS,
        code,
        message,
        EXIT.failed,
      );
    case 'Denied': {
      const { next, decisionId, executionId, policies } = error as unknown as Readonly<
        Record<string, unknown>
      >;
      return {
        code,
        message,
        still: 'It did not run.',
        next: typeof next === 'string' ? next : CLI_ERRORS.ERR_CLI_DENIED.next,
        exit: EXIT.denied,
        detail: { decisionId, executionId, policies },
      };
    }
    case 'Halted':
      return { code, message, next: CLI_ERRORS.ERR_CLI_DENIED.next, exit: EXIT.denied };
    case 'Error':
      return typeof (error as NodeJS.ErrnoException).syscall === 'string'
        ? { code: 'ERR_CLI_FILE', message, next: CLI_ERRORS.ERR_CLI_FILE.next, exit: EXIT.failed }
        : undefined;
    default:
      return undefined;
  }
}

function fromTable(
  table: Readonly<Record<string, { readonly next?: string; readonly meaning?: string }>>,
  code: string,
  message: string,
  exit: ExitCode,
): Failure | undefined {
  if (!Object.hasOwn(table, code)) return undefined;
  const next = table[code]?.next ?? CLI_ERRORS.ERR_CLI_INTERNAL.next;
  return { code, message, next, exit };
}

function internal(error: unknown): Failure {
  return {
    code: 'ERR_CLI_INTERNAL',
    message: error instanceof Error ? error.message : String(error),
    still: 'What was recorded before this is unchanged.',
    next: CLI_ERRORS.ERR_CLI_INTERNAL.next,
    exit: EXIT.failed,
  };
}
