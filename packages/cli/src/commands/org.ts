/**
 * `licet org init | show | sign | publish | rotate | retire`: the organisation above teams (RULE 20). Its keys lie in the
 * state folder of whoever speaks for it, never in a plane; its bundle only forbids and holds, and no team lifts that.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Bundle } from '@licet/policy';
import type { OperatorAnswer, OrganisationView } from '@licet/api';
import type { OrganisationFolder } from '@licet/server';
import { tellAnswer } from '../answers.ts';
import { withAttached, type Attached } from '../attach.ts';
import { cedarEngine } from '../cedar.ts';
import { action, confirm, withJson, withPlane, type CommonOptions } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { columns, printable, type Output } from '../output.ts';
import { dataFolderOf, stateFolderOf, writeOutput } from '../places.ts';
import { readBundleFolder, writeVersion } from '../policy-folder.ts';
import { bundleDiff, showDiff } from '../publish.ts';

/** Adds the commands. */
export function addOrg(program: Command): void {
  const org = program
    .command('org')
    .description('the organisation above teams: its keys, and the policy that no team can lift');
  addInit(org);
  addShow(org);
  addSign(org);
  addPublish(org);
  addRotate(org);
  addRetire(org);
}

function addInit(org: Command): void {
  withJson(org.command('init'))
    .description('make an organisation: its key, in your state folder')
    .argument('<id>', 'its id: letters, digits, dots and hyphens')
    .action(
      action(async ({ out }, id) => {
        const { initOrganisation, idOf } = await import('@licet/server');
        const made = await initOrganisation(stateFolderOf(), id!);
        out.document({ ok: true, id, keys: made.keys.map(idOf), folder: made.folder });
        out.line(`${out.style('good', '✓')} ${id}  key ${idOf(made.keys[0]!)}`);
        out.line(`  folder  ${made.folder}  (org.json is what others may have)`);
        out.line(`Next: licet init --org ${id}, or licet tenants add NAME --org ${id}.`);
        return EXIT.ok;
      }),
    );
}

function addShow(org: Command): void {
  withPlane(org.command('show', { isDefault: true }))
    .description('which organisation stands above a plane, by which keys, and what it has published')
    .action(
      action(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const view = await client.organisation();
          const active = (await client.bundles()).find(({ layer, active: now }) => layer === 'org' && now);
          const { digest, version } = active ?? {};
          out.document({
            ok: true,
            ...view,
            ...(active === undefined ? {} : { bundle: { digest, version } }),
          });
          if (view.id === undefined) out.line('No organisation stands above this plane.');
          else out.line(out.style('name', view.id));
          const rows = view.keys.map(({ id, counts }) => [
            `  key ${id}`,
            counts ? out.style('good', 'counts') : 'retired, or not pinned in the trust store',
          ]);
          for (const line of columns(rows)) out.line(line);
          if (view.id !== undefined)
            out.line(active === undefined ? '  nothing published' : `  version ${version}  ${digest}`);
          return EXIT.ok;
        }),
      ),
    );
}

function addSign(org: Command): void {
  withJson(org.command('sign'))
    .summary("sign the organisation's bundle")
    .description(
      'Check a bundle folder of the organisation and print it signed, to be handed to whoever publishes it. Nothing is sent.',
    )
    .argument('<dir>')
    .option('-o, --output <file>', 'write it there instead of printing it')
    .action(
      action<{ readonly output?: string }>(async ({ options, out }, dir) => {
        const { bundle } = await loadOrg(dir!);
        const { readOrganisation, signOrgBundle } = await import('@licet/server');
        const signed = await signOrgBundle(await readOrganisation(stateFolderOf(), bundle.org!), bundle);
        const text = `${JSON.stringify(signed)}\n`;
        if (options.output === undefined) {
          process.stdout.write(text);
          return EXIT.ok;
        }
        await writeOutput(options.output, text);
        out.document({ ok: true, org: bundle.org, version: bundle.version, file: options.output });
        out.line(`${out.style('good', '✓')} version ${bundle.version} is signed: ${options.output}`);
        return EXIT.ok;
      }),
    );
}

function addPublish(org: Command): void {
  withPlane(org.command('publish'))
    .summary("sign and publish the organisation's bundle, to one plane or to every tenant")
    .description(
      "Sign a bundle folder with the organisation's key and publish it: to every tenant of a folder of tenants, else to\n" +
        'the one plane. The version rises above what any of them has, and is written back to bundle.json.',
    )
    .argument('<dir>')
    .option('--yes', 'publish without asking')
    .action(
      action<{ readonly yes?: boolean }>(async ({ options, out }, dir) => {
        const { files, bundle } = await loadOrg(dir!);
        const { assembleBundle, testFiles } = await import('@licet/policy');
        const targets = await targetsOf(options);
        const known = await eachOf(targets, async ({ client }) => ({
          bundles: (await client.bundles()).filter(({ layer }) => layer === 'org'),
          organisation: await client.organisation(),
        }));
        const strangers = known.filter(({ value }) => value.organisation.id !== bundle.org);
        if (strangers.length > 0)
          throw new CliError(
            'ERR_CLI_POLICY',
            `${bundle.org} does not stand above ${strangers.map(({ name }) => name).join(', ')}`,
            { still: 'Nothing was published.' },
          );
        const all = known.flatMap(({ value }) => value.bundles);
        const version = Math.max(bundle.version, ...all.map((one) => one.version + 1));
        const active = all.find((one) => one.active)?.signed as { readonly bundle: Bundle } | undefined;
        showDiff(out, bundleDiff(active?.bundle, { ...bundle, version }));
        await confirm(
          out,
          `Publish version ${version} of ${bundle.org} to ${targets.map(({ name }) => name).join(', ')}?`,
          options.yes,
        );
        const text =
          version === bundle.version
            ? files['bundle.json']!
            : await writeVersion(dir!, files['bundle.json']!, version);
        const next = assembleBundle({ ...files, 'bundle.json': text });
        const { readOrganisation, signOrgBundle } = await import('@licet/server');
        const keys = await readOrganisation(stateFolderOf(), bundle.org!);
        const answers = await eachOf(targets, async ({ client }) => {
          const signed = await signOrgBundle(keys, next, countingOf(await client.organisation()));
          return client.publish(signed as never, testFiles(files));
        });
        return tellAll(out, answers, `version ${version} of ${bundle.org} stands above it`);
      }),
    );
}

function addRotate(org: Command): void {
  withPlane(org.command('rotate'))
    .summary("add a new key to the organisation's, signed by one that counts")
    .description(
      'Make a key and have every tenant of the folder, else the one plane, count it. Publish the bundle again, which the\n' +
        'new key then signs, and retire the old key. Trust stores elsewhere need not change: the log carries the word of\n' +
        'the old key.',
    )
    .argument('<id>', 'the organisation')
    .action(
      action(async ({ options, out }, id) => {
        const { addOrganisationKey, readOrganisation, idOf } = await import('@licet/server');
        const before = await readOrganisation(stateFolderOf(), id!);
        const targets = await targetsOf(options);
        const after = await addOrganisationKey(before);
        const key = after.keys.at(-1)!;
        const answers = await eachOf(targets, ({ client, origin }) =>
          change(client, origin, after, 'add', key),
        );
        return tellAll(out, answers, `key ${idOf(key)} counts`);
      }),
    );
}

function addRetire(org: Command): void {
  withPlane(org.command('retire'))
    .description('retire a key of the organisation, signed by another; it never counts again')
    .argument('<id>', 'the organisation')
    .argument('<key>', 'id of the key')
    .option('--yes', 'retire without asking')
    .action(
      action<{ readonly yes?: boolean }>(async ({ options, out }, id, keyId) => {
        const { dropOrganisationKey, readOrganisation, idOf } = await import('@licet/server');
        const org = await readOrganisation(stateFolderOf(), id!);
        const key = org.keys.find((one) => idOf(one) === keyId);
        if (key === undefined) throw new CliError('ERR_CLI_NOT_FOUND', `${id} has no key ${keyId}`);
        await confirm(out, `Retire key ${keyId} of ${id}? It never counts again.`, options.yes);
        const targets = await targetsOf(options);
        const answers = await eachOf(targets, ({ client, origin }) =>
          change(client, origin, org, 'retire', key),
        );
        if (answers.every(({ value }) => value.verdict === 'done')) await dropOrganisationKey(org, keyId!);
        return tellAll(out, answers, `key ${keyId} is retired`);
      }),
    );
}

async function change(
  client: Attached['client'],
  origin: string,
  org: OrganisationFolder,
  op: 'add' | 'retire',
  key: OrganisationFolder['keys'][number],
): Promise<OperatorAnswer> {
  const { orgVkey, signOrgKeyChange } = await import('@licet/server');
  const sig = await signOrgKeyChange(org, { op, key }, countingOf(await client.organisation()));
  return client.changeOrgKey({ change: op, key: orgVkey(origin, key), sig });
}

/** Ids of the keys that count. */
const countingOf = ({ keys }: OrganisationView): ReadonlySet<string> =>
  new Set(keys.filter(({ counts }) => counts).map(({ id }) => id));

interface Target {
  readonly name: string;
  readonly options: CommonOptions;
}

/** Every tenant of a folder of tenants; else the one plane. */
async function targetsOf(options: CommonOptions): Promise<readonly Target[]> {
  const { isPlaneFolder, tenantFolder, tenantsOf } = await import('@licet/server');
  if (options.url !== undefined) return [{ name: options.url, options }];
  const data = dataFolderOf(options);
  if (await isPlaneFolder(data)) return [{ name: data, options }];
  const names = await tenantsOf(data);
  if (names.length === 0) throw new CliError('ERR_CLI_NO_DATA', `${data} holds no plane and no tenant`);
  return names.map((name) => ({ name, options: { ...options, data: tenantFolder(data, name) } }));
}

async function eachOf<T>(
  targets: readonly Target[],
  run: (attached: Attached) => Promise<T>,
): Promise<readonly { readonly name: string; readonly value: T }[]> {
  const found: { readonly name: string; readonly value: T }[] = [];
  for (const { name, options } of targets) found.push({ name, value: await withAttached(options, run) });
  return found;
}

/** Tells each answer; the exit code is that of the first that was not done. */
function tellAll(
  out: Output,
  answers: readonly { readonly name: string; readonly value: OperatorAnswer }[],
  done: string,
): ExitCode {
  const [only] = answers;
  if (answers.length === 1 && only !== undefined) return tellAnswer(out, only.value, done);
  const ok = answers.every(({ value }) => value.verdict === 'done');
  out.document({ ok, tenants: answers.map(({ name, value }) => ({ tenant: name, ...value })) });
  for (const { name, value } of answers)
    out.line(
      value.verdict === 'done'
        ? `${out.style('good', '✓')} ${printable(name)}: ${printable(done)}`
        : `${out.style('bad', '✗')} ${printable(name)}: ${value.code}: ${printable(value.reason)}`,
    );
  return ok ? EXIT.ok : EXIT.denied;
}

async function loadOrg(dir: string) {
  const { assembleBundle, loadBundle } = await import('@licet/policy');
  const files = await readBundleFolder(dir);
  const bundle = assembleBundle(files);
  if (bundle.layer !== 'org' || bundle.org === undefined)
    throw new CliError('ERR_CLI_POLICY', `${resolve(dir)} is not the bundle of an organisation`, {
      next: 'Its bundle.json says "layer": "org" and "org": its id.',
    });
  // By itself, as a plane without a team's bundle would: what the plane refuses is not signed.
  const team: Bundle = { v: 1, layer: 'team', version: 1, policies: [], actions: {}, limits: {}, pins: {} };
  loadBundle(await cedarEngine(), { org: bundle, team });
  return { files, bundle };
}
