/** The program: commander, with every command added by its own file, and one place where failures are shown. */
import { Command, CommanderError } from 'commander';
import { CLI } from '@licet/evidence';
import { lastExitCode, shieldDigests } from './command.ts';
import { addAgents } from './commands/agents.ts';
import { addApprovals } from './commands/approvals.ts';
import { addWebhooks } from './commands/webhooks.ts';
import { addAttest } from './commands/attest.ts';
import { addContainment } from './commands/containment.ts';
import { demo } from './commands/demo.ts';
import { addDrill } from './commands/drill.ts';
import { addEvidence } from './commands/evidence.ts';
import { addExec } from './commands/exec.ts';
import { addExplain } from './commands/explain.ts';
import { addFacts } from './commands/facts.ts';
import { addInit } from './commands/init.ts';
import { addIssuers } from './commands/issuers.ts';
import { addLimits } from './commands/limits.ts';
import { addLog } from './commands/log.ts';
import { addMandates } from './commands/mandates.ts';
import { addMcp } from './commands/mcp.ts';
import { addAuthors } from './commands/authors.ts';
import { addOrg } from './commands/org.ts';
import { addPeople } from './commands/people.ts';
import { addPolicy } from './commands/policy.ts';
import { addRoles } from './commands/roles.ts';
import { addRuns } from './commands/runs.ts';
import { addStore } from './commands/store.ts';
import { addTenants } from './commands/tenants.ts';
import { addTrust } from './commands/trust.ts';
import { addUp } from './commands/up.ts';
import { addVerify } from './commands/verify.ts';
import { addViewer } from './commands/viewer.ts';
import { failureOf } from './errors.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { createOutput } from './output.ts';
import { VERSION } from './version.ts';
import { welcome } from './welcome.ts';

const COMMANDS: readonly ((program: Command) => void)[] = [
  addInit,
  addUp,
  addTenants,
  addStore,
  demo,
  addMcp,
  addExec,
  addVerify,
  addEvidence,
  addTrust,
  addLog,
  addPolicy,
  addOrg,
  addAuthors,
  addExplain,
  addApprovals,
  addWebhooks,
  addContainment,
  addAgents,
  addPeople,
  addIssuers,
  addMandates,
  addRoles,
  addFacts,
  addAttest,
  addLimits,
  addRuns,
  addDrill,
  addViewer,
];

/** Returns the program with all its commands. */
export function createProgram(): Command {
  const program = new Command(CLI)
    .description(
      'An execution control plane for AI agents: nothing runs before it is permitted and recorded.',
    )
    .version(VERSION, '-V, --version', 'print the version')
    .enablePositionalOptions()
    .showSuggestionAfterError();
  for (const add of COMMANDS) add(program);
  return program;
}

/** Runs a command line; resolves to its exit code and never rejects. */
export async function runCommandLine(args: readonly string[]): Promise<ExitCode> {
  // Known before parsing, so that a wrong command line is reported in the form that was asked for.
  const json = args.slice(0, args.includes('--') ? args.indexOf('--') : undefined).includes('--json');
  const program = createProgram();
  quietly(program);
  try {
    if (args.length === 0) {
      welcome();
      return EXIT.ok;
    }
    await program.parseAsync(shieldDigests(args), { from: 'user' });
    // A command that sets its exit code itself (the demo) has set none here.
    return lastExitCode() ?? (process.exitCode === undefined ? EXIT.ok : (process.exitCode as ExitCode));
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    const failure = await failureOf(error);
    createOutput(json).failure(failure, error);
    return failure.exit;
  }
}

/** Lets no command print errors or exit by itself. Help asked for goes to stdout as usual. */
function quietly(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  for (const child of command.commands) quietly(child);
}
