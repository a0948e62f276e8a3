/**
 * The starter: a bundle that a team can read in one sitting and grow from. It maps the filesystem server of the
 * Model Context Protocol (as `files`) and command execution (as `shell/exec`). The observing variant permits
 * everything that is governed: it stops nothing and says so (DESIGN §6).
 */
import type { BundleFiles } from './assemble.ts';
import type { ActionSpec } from './bundle.ts';
import { PolicyError } from './errors.ts';
import { pathFault } from './resources.ts';
import { FILE_ACTIONS, SHELL_EXEC } from './starter-actions.ts';

export interface StarterOptions {
  /** The folder that agents may work in; absolute and canonical. */
  readonly workspace: string;
  /** True for the variant that stops nothing. Default false. */
  readonly observe?: boolean;
  /** Programs that may be run in the workspace, as absolute paths. Default: a few that only print. */
  readonly programs?: readonly string[];
  /** The log and tenant the bundle is for; absent: any. */
  readonly origin?: string;
  readonly tenant?: string;
  /** Further actions, described beside those of the starter; one of the same name replaces the starter's. */
  readonly actions?: Readonly<Record<string, ActionSpec>>;
}

const PROGRAMS = ['/usr/bin/echo', '/bin/echo', '/usr/bin/date', '/bin/date', '/usr/bin/uname', '/bin/uname'];

/** Returns the files of a starter bundle: bundle.json, policy.cedar, policy.test.json. Throws ERR_BUNDLE_FORMAT. */
export function starterPolicy(options: StarterOptions): BundleFiles {
  const { workspace, programs = PROGRAMS } = options;
  for (const path of [workspace, ...programs]) {
    const fault = pathFault(path);
    if (fault !== undefined) throw new PolicyError('ERR_BUNDLE_FORMAT', `${JSON.stringify(path)}: ${fault}`);
  }
  if (workspace === '/') throw new PolicyError('ERR_BUNDLE_FORMAT', 'the workspace is the whole disk');
  const head = {
    v: 1,
    layer: 'team',
    ...(options.origin === undefined ? {} : { origin: options.origin }),
    ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
    version: 1,
    actions: { ...FILE_ACTIONS, 'shell/exec': SHELL_EXEC, ...options.actions },
    limits: {},
    pins: {},
    facts: { freeze: 'boolean' },
    containment: [
      { id: 'outcome-without-start', on: 'outcome_without_start', scope: 'run' },
      { id: 'foreign-permit', on: 'foreign_permit', scope: 'agent' },
      { id: 'replayed-permit', on: 'replayed_permit', scope: 'run' },
      { id: 'unpinned-tool', on: 'unpinned_tool', scope: 'run' },
      { id: 'many-denials', on: 'denials', scope: 'run', count: 20, within: '1m' },
    ],
    explain: 'full',
  };
  const observe = options.observe ?? false;
  const own = options.actions?.['files/write_file'] === undefined;
  return {
    'bundle.json': `${JSON.stringify(head, null, 2)}\n`,
    'policy.cedar': observe ? OBSERVE : enforcing(workspace, programs),
    'policy.test.json': `${JSON.stringify({ tests: observe ? observeTests(workspace, own) : tests(workspace, programs) }, null, 2)}\n`,
  };
}

const OBSERVE = `// Observing: every governed action is permitted and recorded. Nothing is being stopped.
@id("observe-everything")
permit (principal, action in Action::"licet/governed", resource);
`;

function enforcing(workspace: string, programs: readonly string[]): string {
  const folder = `Folder::${JSON.stringify(workspace)}`;
  const list = programs.map((path) => `  Program::${JSON.stringify(path)}`).join(',\n');
  const runPrograms =
    programs.length === 0
      ? ''
      : `
// Running a command touches a program and a folder; both must be permitted. Policies see which program and
// where; its further words are recorded and not seen. List only programs that are harmless whatever their words.
@id("run-listed-programs") @max("5m")
permit (principal, action == Action::"shell/exec", resource is Program)
when {
  (principal is User || principal in AgentGroup::"assistants") && resource in [
${list}
  ]
};

@id("run-in-workspace") @max("5m")
permit (principal, action == Action::"shell/exec", resource is Folder in ${folder})
when { principal is User || principal in AgentGroup::"assistants" };
`;
  return `// What is not permitted here is denied. A forbid wins over every permit.

@id("assistants-read-in-workspace") @lease("30s")
permit (principal in AgentGroup::"assistants", action in Action::"files-read", resource in ${folder});

@id("assistants-write-in-workspace") @lease("30s")
permit (principal in AgentGroup::"assistants", action in Action::"files-write", resource in ${folder});

// An agent acts for a person, and the person is asked as well.
@id("people-may-use-files")
permit (principal is User, action in Action::"files", resource in ${folder});

@id("ask-which-folders-are-allowed")
permit (principal, action == Action::"files/list_allowed_directories", resource)
when { principal is User || principal in AgentGroup::"assistants" };

@id("moves-need-a-person") @hold("operators") @until("15m")
@advice("Moving files needs a person. Ask, or write a copy instead.")
forbid (principal, action == Action::"files/move_file", resource)
unless { context.approvals.contains("operators") };

// An operator says so: licet facts set freeze=true --for 2h
@id("nothing-changes-during-a-freeze")
@advice("An operator has declared a freeze. Read, prepare, and try again when it is over.")
forbid (principal, action in [Action::"files-write", Action::"shell"], resource)
when { context.facts has freeze && context.facts.freeze };
${runPrograms}
// A gateway opens one session for each client.
@id("sessions")
permit (principal, action == Action::"licet/session", resource)
when { principal is User || principal in AgentGroup::"assistants" };
`;
}

function tests(workspace: string, programs: readonly string[]): object[] {
  const assistant = { agent: 'agent-1', groups: ['assistants'], user: 'user-1' };
  const move = {
    action: 'files/move_file',
    args: { source: `${workspace}/a.txt`, destination: `${workspace}/b.txt` },
  };
  const write = (path: string): object => ({ action: 'files/write_file', args: { path, content: 'hi' } });
  const exec = (program: string, cwd: string): object => ({
    action: 'shell/exec',
    args: { argv: [program], cwd, env: {}, stdin: null },
  });
  return [
    {
      name: 'an assistant writes in the workspace',
      given: { ...assistant, ...write(`${workspace}/a.txt`) },
      expect: { verdict: 'allow', reasons: ['assistants-write-in-workspace', 'people-may-use-files'] },
    },
    {
      name: 'an assistant does not write outside it',
      given: { ...assistant, ...write('/etc/passwd') },
      expect: { verdict: 'deny', code: 'policy' },
    },
    {
      name: 'climbing out of the workspace is refused before any policy is asked',
      given: { ...assistant, ...write(`${workspace}/../etc/passwd`) },
      expect: { verdict: 'deny', code: 'not_canonical' },
    },
    {
      name: 'an agent that is no assistant writes nothing',
      given: { agent: 'agent-2', user: 'user-1', ...write(`${workspace}/a.txt`) },
      expect: { verdict: 'deny', code: 'policy' },
    },
    {
      name: 'a move waits for an operator',
      given: { ...assistant, ...move },
      expect: { verdict: 'hold', holds: ['operators'], reasons: ['moves-need-a-person'] },
    },
    {
      name: 'an approved move is allowed',
      given: { ...assistant, ...move, approvals: ['operators'] },
      expect: { verdict: 'allow' },
    },
    {
      name: 'no approval moves a file out of the workspace',
      given: {
        ...assistant,
        action: 'files/move_file',
        args: { source: `${workspace}/a.txt`, destination: '/tmp/a.txt' },
      },
      expect: { verdict: 'deny', code: 'policy' },
    },
    {
      name: 'during a freeze nothing is written',
      given: { ...assistant, ...write(`${workspace}/a.txt`), facts: { freeze: true } },
      expect: { verdict: 'deny', reasons: ['nothing-changes-during-a-freeze'] },
    },
    {
      name: 'during a freeze reading goes on',
      given: {
        ...assistant,
        action: 'files/read_file',
        args: { path: `${workspace}/a.txt` },
        facts: { freeze: true },
      },
      expect: { verdict: 'allow' },
    },
    ...(programs.length === 0
      ? []
      : [
          {
            name: 'a listed program runs in the workspace',
            given: { ...assistant, ...exec(programs[0]!, workspace) },
            expect: { verdict: 'allow' },
          },
          {
            name: 'a listed program does not run elsewhere',
            given: { ...assistant, ...exec(programs[0]!, '/') },
            expect: { verdict: 'deny', code: 'policy' },
          },
        ]),
    {
      name: 'a program that is not listed does not run',
      given: { ...assistant, ...exec('/bin/rm', workspace) },
      expect: { verdict: 'deny', code: 'policy' },
    },
  ];
}

/** `own`: the starter's own description of files is there; a stranger's server may bring tools of the same names. */
function observeTests(workspace: string, own: boolean): object[] {
  const undecidable = own
    ? {
        given: { agent: 'agent-1', action: 'files/write_file', args: { path: '../a.txt', content: 'hi' } },
        expect: { verdict: 'deny', code: 'not_canonical' },
      }
    : {
        given: { agent: 'agent-1', action: 'nobody/knows', args: {} },
        expect: { verdict: 'deny', code: 'unknown_action' },
      };
  const permitted = {
    name: 'what is governed is permitted while observing',
    given: {
      agent: 'agent-1',
      action: 'files/write_file',
      args: { path: `${workspace}/a.txt`, content: 'hi' },
    },
    expect: { verdict: 'allow', reasons: ['observe-everything'] },
  };
  return [
    ...(own ? [permitted] : []),
    { name: 'what cannot be decided is denied all the same', ...undecidable },
  ];
}
