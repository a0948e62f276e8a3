/** `licet policy init | check | test | tools | sign | publish | explain`: bundles as folders, from the starter to publication. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Bundle, LoadedBundle } from '@licet/policy';
import { tellAnswer } from '../answers.ts';
import { withAttached } from '../attach.ts';
import { cedarEngine } from '../cedar.ts';
import { action, confirm, withJson, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { count, printable, time } from '../output.ts';
import { dataFolderOf } from '../places.ts';
import { readBundleFolder, writeBundleFolder, writeVersion } from '../policy-folder.ts';
import { bundleDiff, showDiff, signAndPublish } from '../publish.ts';
import { addExplain } from './explain.ts';
import { addSign } from './sign.ts';
import { addTools } from './tools.ts';

/** Adds the commands. */
export function addPolicy(program: Command): void {
  const policy = program.command('policy').description('write, check, test and publish policy bundles');
  addInit(policy);
  addCheck(policy);
  addTest(policy);
  addTools(policy);
  addSign(policy);
  addPublish(policy);
  addWaiting(policy);
  addExplain(policy);
}

function addInit(policy: Command): void {
  withPlane(policy.command('init'))
    .description('write a readable starter bundle into a folder; nothing is published')
    .argument('<dir>', 'a new or empty folder')
    .option('--observe', 'the variant that permits everything governed and only records')
    .option('--workspace <path>', 'folder that agents may work in (default: here)')
    .option('--program <path...>', 'programs that may run (default: a few that only print)')
    .action(
      action<{
        readonly observe?: boolean;
        readonly workspace?: string;
        readonly program?: readonly string[];
      }>(async ({ options, out }, dir) => {
        const { starterPolicy } = await import('@licet/policy');
        const { isPlaneFolder, readPlaneFolder } = await import('@licet/server');
        const data = dataFolderOf(options);
        const plane = (await isPlaneFolder(data)) ? await readPlaneFolder(data) : undefined;
        const workspace = await canonical(options.workspace ?? '.');
        const files = starterPolicy({
          workspace,
          observe: options.observe === true,
          ...(options.program === undefined ? {} : { programs: options.program }),
          // RULE 20: a team bundle names the log it is for, once there is one.
          ...(plane === undefined ? {} : { origin: plane.origin, tenant: plane.tenant }),
        });
        await writeBundleFolder(dir!, files);
        const names = Object.keys(files);
        out.document({
          ok: true,
          dir: resolve(dir!),
          files: names,
          workspace,
          observing: options.observe === true,
        });
        out.line(`${out.style('good', '✓')} ${names.join(', ')} in ${dir}`);
        if (options.observe === true) out.line(out.style('warn', 'Observing: nothing is being stopped.'));
        out.line(
          `Next: read ${dir}/policy.cedar, then licet policy test ${dir}, then licet policy publish ${dir}.`,
        );
      }),
    );
}

/** The path as it really is, so that policies about it hold. It need not exist yet. */
async function canonical(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path));
}

function addCheck(policy: Command): void {
  withJson(policy.command('check'))
    .description('check a bundle folder against its schema: errors and warnings refuse it')
    .argument('<dir>')
    .option('--org <dir>', "the organisation's bundle, when there is one")
    .action(
      action<{ readonly org?: string }>(async ({ options, out }, dir) => {
        const { bundle, loaded } = await load(dir!, options.org);
        const { bundleDigest } = await import('@licet/policy');
        const digest = bundleDigest(bundle);
        const { observing } = loaded;
        out.document({
          ok: true,
          digest,
          version: bundle.version,
          layer: bundle.layer,
          observing,
          problems: [],
        });
        out.line(
          `${out.style('good', '✓')} version ${bundle.version}, ${count(bundle.policies.length, 'policy file')}, ${Object.keys(bundle.actions).length} actions`,
        );
        out.line(`  digest ${digest}`);
        if (observing) out.line(out.style('warn', 'Observing: nothing is being stopped.'));
      }),
    );
}

function addTest(policy: Command): void {
  withJson(policy.command('test'))
    .description('run the *.test.json files of a bundle folder')
    .argument('<dir>')
    .option('--org <dir>', "the organisation's bundle, when there is one")
    .action(
      action<{ readonly org?: string }>(async ({ options, out }, dir) => {
        const { files, loaded, engine } = await load(dir!, options.org);
        const { runPolicyTests, testFiles } = await import('@licet/policy');
        const results = runPolicyTests(engine, loaded, testFiles(files));
        const failed = results.filter(({ passed }) => !passed);
        // Fail closed: a folder whose tests were lost has not passed them.
        if (results.length === 0)
          throw new CliError('ERR_CLI_POLICY', `${dir} has no *.test.json`, {
            next: 'Write a test, or begin with `licet policy init`.',
          });
        out.document({
          ok: failed.length === 0,
          passed: results.length - failed.length,
          failed: failed.length,
          results,
        });
        for (const { file, name, passed, differences } of results) {
          out.line(
            `${passed ? out.style('good', '✓') : out.style('bad', '✗')} ${printable(name)} ${out.style('dim', file)}`,
          );
          for (const difference of differences) out.line(`    ${printable(difference)}`);
        }
        out.line(`${results.length - failed.length} of ${results.length} hold.`);
        return failed.length === 0 ? EXIT.ok : EXIT.failed;
      }),
    );
}

async function load(dir: string, org?: string) {
  const { assembleBundle, loadBundle, selfTest } = await import('@licet/policy');
  const files = await readBundleFolder(dir);
  const bundle = assembleBundle(files);
  const engine = await cedarEngine();
  const above: Bundle | undefined =
    org === undefined ? undefined : assembleBundle(await readBundleFolder(org));
  const loaded: LoadedBundle = loadBundle(engine, {
    team: bundle,
    ...(above === undefined ? {} : { org: above }),
  });
  selfTest(engine, loaded);
  return { files, bundle, loaded, engine };
}

function addWaiting(policy: Command): void {
  withPlane(policy.command('waiting'))
    .summary('publications that wait for a second person')
    .description(
      'Publications that wait for a second person: what changes, the tests that the plane ran, what recorded decisions\n' +
        'would become. Approve one with licet approve ID.',
    )
    .action(
      action(({ options, out }) =>
        withAttached(options, async ({ client }) => {
          const [waiting, known] = [await client.proposals(), await client.bundles()];
          out.document({ ok: true, waiting });
          for (const { executionId, by, layer, version, until, signed, passed, replay } of waiting) {
            const active = known.find((item) => item.layer === layer && item.active);
            const of = (value: unknown): Bundle | undefined =>
              (value as { readonly bundle?: Bundle } | undefined)?.bundle;
            out.line(`${out.style('name', executionId)} version ${version} by ${by}, until ${time(until)}`);
            showDiff(out, bundleDiff(of(active?.signed), of(signed)!));
            out.line(`  ${count(passed, 'test')} run, none fails`);
            out.line(`  ${replay.changed.length} of ${replay.decided} recorded decisions would change:`);
            for (const change of replay.changed)
              out.line(`    ${change.executionId} ${change.from} → ${change.to}`);
          }
          if (waiting.length === 0) out.line('Nothing waits.');
          return EXIT.ok;
        }),
      ),
    );
}

function addPublish(policy: Command): void {
  withPlane(policy.command('publish'))
    .summary('sign and publish a bundle folder')
    .description(
      'Check and test a bundle folder, show what changes against the active bundle, then sign it with your author key\n' +
        'and publish it. The version rises by itself and is written back to bundle.json.',
    )
    .argument('<dir>')
    .option('--yes', 'publish without asking')
    .option('--replay <n>', 'first decide the last n recorded decisions again under it', Number)
    .action(
      action<{ readonly yes?: boolean; readonly replay?: number }>(async ({ options, out }, dir) => {
        const { files, bundle, loaded, engine } = await load(dir!);
        const { runPolicyTests, testFiles, assembleBundle } = await import('@licet/policy');
        const broken = runPolicyTests(engine, loaded, testFiles(files)).filter(({ passed }) => !passed);
        if (broken.length > 0)
          throw new CliError(
            'ERR_CLI_POLICY',
            `${broken.length} of its tests do not hold: ${broken.map(({ name }) => name).join('; ')}`,
            {
              still: 'The active bundle still decides.',
              next: `See them with licet policy test ${dir}.`,
            },
          );
        return withAttached(options, async ({ client, origin }) => {
          const known = (await client.bundles()).filter(({ layer }) => layer === bundle.layer);
          const active = known.find((item) => item.active);
          const before = (active?.signed as { readonly bundle?: Bundle } | undefined)?.bundle;
          const version = Math.max(bundle.version, ...known.map((item) => item.version + 1));
          const diff = bundleDiff(before, { ...bundle, version });
          showDiff(out, diff);
          if (before !== undefined && bundleDiff(before, { ...bundle, version: before.version }) === '')
            out.remark('It says the same as the active bundle.');
          if (loaded.observing) out.line(out.style('warn', 'Observing: nothing would be stopped.'));
          if (options.replay !== undefined) {
            const { decided, changed } = await client.replay({ ...bundle, version } as never, options.replay);
            out.line(`${changed.length} of ${decided} recorded decisions would change:`);
            for (const { executionId, from, to } of changed) out.line(`  ${executionId} ${from} → ${to}`);
          }
          await confirm(out, `Publish version ${version} to ${origin}?`, options.yes);
          // Written back before publishing: a folder that says less than what is published would be refused next time.
          const text =
            version === bundle.version
              ? files['bundle.json']!
              : await writeVersion(dir!, files['bundle.json']!, version);
          const next = assembleBundle({ ...files, 'bundle.json': text });
          const answer = await signAndPublish(client, next, {
            origin,
            tests: testFiles(files),
          });
          const code = tellAnswer(out, answer, `version ${version} decides from now on`);
          if (answer.verdict === 'hold')
            out.line('Another person sees it with licet policy waiting; then run this command again.');
          return code;
        });
      }),
    );
}
