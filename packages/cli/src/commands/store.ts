/**
 * `licet store copy`: a plane goes on in a PostgreSQL database, or on another server, under a new origin (RULE 7). The
 * old log ends with a `successor` entry and everything in it stops; the new one begins with whom the old one knew, names
 * the old log as it ended, and publishes its policy again, signed by the author's new key. Nothing follows by itself:
 * who believes the old origin believes the new one when a person says so (`licet trust add`).
 */
import { join } from 'node:path';
import { copyFile, cp, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { IdentityView, PlaneClient } from '@licet/api';
import { base64url, canonicalize, parseCheckpoint, parseNote, type Json } from '@licet/evidence';
import type { Bundle, SignedBundle } from '@licet/policy';
import type { OpenedPlane, PlaneFile, PlaneFolder } from '@licet/server';
import { tellDenial, tellHold } from '../answers.ts';
import { operatorToken } from '../attach.ts';
import { action, withJson, type CommonOptions } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { stateFolderOf } from '../places.ts';
import { readBundleFolder } from '../policy-folder.ts';
import { signAndPublish } from '../publish.ts';

interface CopyOptions extends CommonOptions {
  readonly from: string;
  readonly to: string;
  readonly data: string;
  readonly origin?: string;
  readonly policy?: string;
}

const DEADLINE_MS = 30_000;

/** Adds the command. */
export function addStore(program: Command): void {
  const store = program.command('store').description('where a plane is kept');
  withJson(store.command('copy'))
    .summary('go on in a PostgreSQL database, under a new origin')
    .description(
      'Go on in a PostgreSQL database, under a new origin. The old plane must be stopped; its log ends with the name of\n' +
        'the new one and is kept as it is. Where two people must act, run it again when the second one has approved.',
    )
    .requiredOption('--from <dir>', 'data folder of the plane that ends')
    .requiredOption('--to <url>', 'PostgreSQL database that keeps the new one')
    .requiredOption('--data <dir>', 'data folder of the new one')
    .option('--policy <dir>', 'publish this bundle folder (default: the policy in force, without its tests)')
    .option('--origin <origin>', 'name of the new log (default: licet.local/ and 16 hex digits)')
    .action(action<CopyOptions>(async ({ options, out }) => copy(options, out)));
}

async function copy(options: CopyOptions, out: Output): Promise<ExitCode> {
  const { openPlane } = await import('@licet/server');
  const old = await openOld(options.from);
  let carried: Carried;
  let folder: PlaneFolder;
  try {
    const client = await old.as({ token: await operatorToken(old.origin) });
    carried = await carriedBy(client, options.from);
    folder = await newFolder(options, carried.file);
    const { log, ...keys } = folder.vkeys;
    const answer = await client.succeed({ origin: folder.origin, logKey: log, keys: Object.values(keys) });
    if (answer.verdict === 'hold') tellHold(out, answer);
    if (answer.verdict === 'deny') tellDenial(out, answer);
    if (answer.verdict !== 'done') {
      out.document({ ok: false, answer });
      return EXIT.denied;
    }
    const { note } = await client.checkpoint();
    const { size, root } = parseCheckpoint(parseNote(note).text);
    await begin(folder, { origin: old.origin, size, root: base64url(root) }, carried, options.to);
  } finally {
    await old.close();
  }

  const opened = await openPlane({
    data: options.data,
    store: options.to,
    init: false,
    socket: false,
    deadlineMs: DEADLINE_MS,
  });
  try {
    const published = await republish(opened, carried.bundle, options.policy);
    const { trustOf } = await import('@licet/server');
    const trust = join(options.data, 'trust.json');
    await writeFile(trust, canonicalize({ v: 1, logs: [trustOf(folder)] } as unknown as Json));
    const { size } = await opened.status();
    out.document({
      ok: true,
      from: old.origin,
      origin: opened.origin,
      size,
      data: options.data,
      published,
      trust,
    });
    out.line(`${out.style('good', '✓')} ${opened.origin} goes on from ${old.origin}`);
    out.line(`  data   ${options.data}`);
    out.line(`  policy ${published ? 'published again, signed by the new author key' : 'none: publish one'}`);
    out.line(`  trust  ${trust}: others believe it after licet trust add ${trust}`);
    out.line(`Next: licet up --data ${options.data}; keep ${options.from} as it is, it proves what was.`);
    return EXIT.ok;
  } finally {
    await opened.close();
  }
}

async function openOld(from: string): Promise<OpenedPlane> {
  const { isPlaneFolder, openPlane } = await import('@licet/server');
  if (!(await isPlaneFolder(from))) throw new CliError('ERR_CLI_NO_DATA', `${from} holds no plane`);
  const old = await openPlane({ data: from, init: false, socket: false, deadlineMs: DEADLINE_MS });
  if (old.role === 'owner') return old;
  await old.close();
  throw new CliError('ERR_CLI_EXISTS', `another process runs the plane of ${from}`, {
    still: 'It goes on, and nothing was copied.',
    next: 'End it first: what is decided meanwhile would be in neither log.',
  });
}

/** What the new plane takes over. */
interface Carried {
  readonly file: PlaneFolder;
  readonly identities: PlaneFile['identities'];
  readonly bundle?: Bundle;
}

async function carriedBy(client: PlaneClient, from: string): Promise<Carried> {
  const { readPlaneFolder } = await import('@licet/server');
  const identities = (await client.identities())
    .filter(carries)
    .map(({ subject, name, kind, roles, groups, keys, ...rest }) => ({
      subject,
      name: name ?? subject,
      kind,
      roles,
      groups,
      keys,
      ...(rest.for === undefined ? {} : { for: rest.for }),
      ...(rest.root === undefined ? {} : { root: rest.root }),
    }));
  const active = (await client.bundles()).find(({ layer, active: isActive }) => layer === 'team' && isActive);
  const bundle = (active?.signed as unknown as SignedBundle | undefined)?.bundle;
  return { file: await readPlaneFolder(from), identities, ...(bundle === undefined ? {} : { bundle }) };
}

type Known = IdentityView & { readonly kind: 'user' | 'agent' | 'door' };
/** People, agents and doors that are not revoked. Issuers and verifiers are named again. */
const carries = (one: IdentityView): one is Known =>
  !one.revoked && ['user', 'agent', 'door'].includes(one.kind) && one.keys.length > 0;

/** The new plane's folder: made, or from a first run that waited for a second person. */
async function newFolder({ data, origin }: CopyOptions, before: PlaneFolder): Promise<PlaneFolder> {
  const { initDataFolder, isPlaneFolder, readPlaneFolder } = await import('@licet/server');
  if (await isPlaneFolder(data)) {
    const made = await readPlaneFolder(data);
    const { readStoreFile } = await import('@licet/store');
    if (made.prev === undefined && readStoreFile(data) === undefined && made.tenant === before.tenant)
      return made;
    throw new CliError('ERR_CLI_EXISTS', `${data} holds a plane already`, {
      still: 'It was not touched.',
      next: 'Name a new folder with --data.',
    });
  }
  const { tenant, audience, custody, people, org } = before;
  const made = await initDataFolder({
    data,
    tenant,
    audience,
    custody,
    people,
    public: before.public,
    stateDir: stateFolderOf(),
    ...(origin === undefined ? {} : { origin }),
    ...(org === undefined ? {} : { org }),
  });
  return made.folder;
}

/** Says what the new plane begins with, and gives its people the keys and tokens that they have. */
async function begin(
  folder: PlaneFolder,
  prev: NonNullable<PlaneFile['prev']>,
  carried: Carried,
  to: string,
): Promise<void> {
  const { continueFrom, statePaths } = await import('@licet/server');
  const { writeStoreFile } = await import('@licet/store');
  writeStoreFile(folder.data, { url: to, fresh: true });
  await continueFrom(folder, { prev, identities: carried.identities });
  const [then, now] = [prev.origin, folder.origin].map((origin) => statePaths(stateFolderOf(), origin));
  await copyFile(then!.operatorToken, now!.operatorToken);
  await cp(join(then!.folder, 'agents'), join(now!.folder, 'agents'), { recursive: true });
}

/** The test files stayed with the author; this much is true of every bundle. */
const TESTS = {
  'carried.test.json': {
    tests: [
      {
        name: 'what no bundle may permit is denied',
        given: { agent: 'nobody', action: 'licet/self-test', args: {} },
        expect: { verdict: 'deny' },
      },
    ],
  },
} as const;

/** RULE 20: a team's bundle names the origin, so the old signature says nothing about the new plane. */
async function republish(
  opened: OpenedPlane,
  carried: Bundle | undefined,
  policy: string | undefined,
): Promise<boolean> {
  const { assembleBundle, testFiles } = await import('@licet/policy');
  const files = policy === undefined ? undefined : await readBundleFolder(policy);
  const bundle = files === undefined ? carried : assembleBundle(files);
  if (bundle === undefined) return false;
  const client = await opened.as({ token: await operatorToken(opened.origin) });
  try {
    const again = { ...bundle, ...('origin' in bundle ? { origin: opened.origin } : {}) };
    const tests =
      files === undefined ? (TESTS as unknown as Readonly<Record<string, Json>>) : testFiles(files);
    const plane = { origin: opened.origin, tests };
    return (await signAndPublish(client, again, plane)).verdict === 'done';
  } finally {
    await client.close();
  }
}
