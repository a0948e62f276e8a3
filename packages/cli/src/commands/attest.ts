/**
 * `licet attest`: what was attested; the digest of a program as bundles list it; and the steps of attesting for scripts:
 * a challenge, a signed statement, its presentation (docs/ATTESTATION.md).
 */
import type { Command } from 'commander';
import { fromUtf8, parseJson, type Json } from '@licet/evidence';
import { makeStatement, newPrivateJwk, publicHalf, type AttestationKind, type PrivateJwk } from '@licet/api';
import { tellAnswer } from '../answers.ts';
import { attach, openForDoor, requirePlane, withAttached } from '../attach.ts';
import { action, withJson, withPlane } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { columns, duration, printable, type Output } from '../output.ts';
import { readInput, stateFolderOf } from '../places.ts';

/** Adds the commands. */
export function addAttest(program: Command): void {
  const attest = program
    .command('attest')
    .description('what was measured of agents, programs and tools, and by whom');
  addList(attest);
  addMeasure(attest);
  addVerifier(attest);
  addProvenance(attest);
  addPackage(attest);
  addChallenge(attest);
  addSign(attest);
  addSubmit(attest);
}

const STYLES = { affirming: 'good', warning: 'warn', contraindicated: 'bad', none: 'dim' } as const;

function addList(attest: Command): void {
  withPlane(attest.command('list', { isDefault: true }))
    .description('attestations in force, newest first; of one identity or execution, when it is named')
    .argument('[about]', 'identity or execution')
    .action(
      action(({ options, out }, about) =>
        withAttached(options, async ({ client }) => {
          const items = (await client.attestations(about)).toSorted((a, b) => b.index - a.index);
          out.document({ items });
          const nowMs = Date.now();
          const rows = items.map((item) => [
            item.about,
            item.kind,
            out.style(STYLES[item.status], item.status),
            item.measured,
            `${duration(Math.max(0, nowMs - item.sinceMs))} old`,
            item.expires <= nowMs ? out.style('dim', 'run out') : `by ${item.by} ${item.attester}`,
          ]);
          for (const line of columns(rows)) out.line(line);
          if (rows.length === 0) out.line('Nothing was attested.');
          return EXIT.ok;
        }),
      ),
    );
}

function addMeasure(attest: Command): void {
  withJson(attest.command('measure'))
    .description('the digest of a program, as "attest" in a bundle lists it')
    .argument('<program>')
    .option('--measure <file...>', 'files that licet exec measures with it')
    .action(
      action<{ readonly measure?: readonly string[] }>(async ({ options, out }, program) => {
        const { measureExecutable, measureProgram } = await import('@licet/gateway');
        const path = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
        const found = await measureExecutable(program!, { cwd: process.cwd(), path });
        const measuring = { cwd: process.cwd(), path, files: options.measure ?? [] };
        const { digest } = await measureProgram(found, measuring);
        out.document({ path: found.path, digest });
        out.line(digest);
        return EXIT.ok;
      }),
    );
}

function addVerifier(attest: Command): void {
  withPlane(attest.command('verifier'))
    .description('register a verifier, whose word counts for others, and make its key')
    .argument('<name>', 'a name for people')
    .option('--key <file>', 'where to keep its private key (default: your state folder)')
    .action(
      action<{ readonly key?: string }>(async ({ options, out }, name) => {
        const { statePaths, writeAgentKey } = await import('@licet/server');
        const plane = await attach(options);
        try {
          const key = await newPrivateJwk();
          const answer = await plane.client.register({
            kind: 'verifier',
            name: name!,
            keys: [publicHalf(key)],
          });
          if (answer.verdict !== 'done' || answer.subject === undefined) return tellAnswer(out, answer, '');
          const file = options.key ?? statePaths(stateFolderOf(), plane.origin).agentKey(answer.subject);
          await writeAgentKey(file, key);
          out.document({ ok: true, subject: answer.subject, name, key: file });
          out.line(`${out.style('good', '✓')} ${answer.subject} (${printable(name!)})`);
          out.line(`  key  ${file}`);
          out.line('Next: move the key to where the verifier runs; licet attest sign uses it.');
          return EXIT.ok;
        } finally {
          await plane.client.close();
        }
      }),
    );
}

function addProvenance(attest: Command): void {
  withPlane(attest.command('provenance'))
    .summary('where npm packages have to come from')
    .description(
      'Show where npm packages have to come from, or put a file of such settings in force. They are kept in the data folder of the plane, on its host.',
    )
    .argument('[file]', 'settings, as docs/ATTESTATION.md shows them')
    .action(
      action(async ({ options, out }, file) => {
        if (options.url !== undefined)
          throw new CliError('ERR_CLI_USAGE', 'provenance settings are kept on the host of the plane', {
            next: 'Run it there, with --data.',
          });
        const data = await requirePlane(options);
        const { readProvenance, writeProvenance } = await import('@licet/server');
        const settings =
          file === undefined
            ? await readProvenance(data)
            : await writeProvenance(data, await readInput(file));
        const packages = settings?.packages ?? [];
        out.document({ packages });
        const rows = packages.map(({ name, version, repository, workflow, issuer }) =>
          [version === undefined ? name : `${name}@${version}`, workflow ?? repository, issuer].map(
            printable,
          ),
        );
        for (const line of columns(rows)) out.line(line);
        if (rows.length === 0) out.line('No package is expected from anywhere: each provenance is none.');
        return EXIT.ok;
      }),
    );
}

function addPackage(attest: Command): void {
  withJson(attest.command('package'))
    .description('the digest of an npm package, as "attest" in a bundle lists it')
    .argument('<name@version>')
    .argument('<integrity>', 'sha512-…, as in a lock file')
    .action(
      action(async ({ out }, named, integrity) => {
        const { npmPackage, packageDigest } = await import('@licet/server');
        const at = named!.lastIndexOf('@');
        const found = npmPackage({
          name: named!.slice(0, Math.max(0, at)),
          version: named!.slice(at + 1),
          integrity: integrity!,
        });
        if (found === undefined)
          throw new CliError('ERR_CLI_USAGE', 'expected NAME@VERSION and a sha512 integrity');
        const digest = packageDigest(found);
        out.document({ ...found, digest });
        out.line(digest);
        return EXIT.ok;
      }),
    );
}

interface ChallengeOptions {
  readonly agent?: string;
  readonly action?: string;
  readonly execution?: string;
}

function addChallenge(attest: Command): void {
  withPlane(attest.command('challenge'))
    .description('take a challenge, good once, for half a minute; printed as JSON')
    .option('--agent <id>', 'the agent that it is for (default: a-default)')
    .option('--action <name>', 'say what this action needs')
    .option('--execution <id>', 'about this running execution')
    .action(
      action<ChallengeOptions>(async ({ options, out }) => {
        const plane = await openForDoor(options);
        try {
          const given = await plane.challenge({
            ...(options.action === undefined ? {} : { action: options.action }),
            ...(options.execution === undefined ? {} : { executionId: options.execution }),
          });
          const about = options.execution === undefined ? {} : { executionId: options.execution };
          out.raw(`${JSON.stringify({ ...given, origin: plane.pinned.origin, ...about })}\n`);
          return EXIT.ok;
        } finally {
          await plane.close();
        }
      }),
    );
}

interface SignOptions {
  readonly key: string;
  readonly challenge: string;
  readonly measured: string;
  readonly provenance?: string;
}

function addSign(attest: Command): void {
  withJson(attest.command('sign'))
    .description('sign what was measured for a challenge; prints the evidence as JSON')
    .requiredOption('--key <file>', 'private key of the attester')
    .requiredOption('--challenge <file>', 'what licet attest challenge printed; - reads it from stdin')
    .requiredOption('--measured <json>', `as in '{"container":{"digest":"sha256:…"}}'`)
    .option('--provenance <file>', 'of a package: its sigstore bundle, or what the registry answers about it')
    .action(
      action<SignOptions>(async ({ options, out }) => {
        const { subject, challenge, origin } = await challengeOf(options.challenge);
        const key = object(fromUtf8(await readInput(options.key)), options.key) as unknown as PrivateJwk;
        const measured = object(options.measured, '--measured');
        const claims = { nonce: challenge, subject, origin, measured };
        const provenance =
          options.provenance === undefined ? {} : { provenance: await provenanceOf(options.provenance) };
        const statement = await makeStatement(key, claims, Date.now());
        out.raw(`${JSON.stringify({ statement, ...provenance })}\n`);
        return EXIT.ok;
      }),
    );
}

/** npm's registry answers with every attestation of a package; the one of SLSA is the provenance. */
async function provenanceOf(file: string): Promise<Json> {
  const read = object(fromUtf8(await readInput(file)), file);
  const { attestations } = read as { readonly attestations?: readonly RegistryAttestation[] };
  if (!Array.isArray(attestations)) return read as Json;
  const found = (attestations as readonly RegistryAttestation[]).find(
    ({ predicateType }) => predicateType === 'https://slsa.dev/provenance/v1',
  );
  if (found === undefined) throw new CliError('ERR_CLI_USAGE', `${file} holds no provenance of SLSA v1`);
  return found.bundle;
}

interface RegistryAttestation {
  readonly predicateType: string;
  readonly bundle: Json;
}

interface SubmitOptions {
  readonly agent?: string;
  readonly kind: string;
  readonly challenge: string;
  readonly evidence: string;
}

function addSubmit(attest: Command): void {
  withPlane(attest.command('submit'))
    .summary('present evidence')
    .description(
      'Present evidence for a challenge. What it shows is recorded, good or not. Exit 0: affirming or a warning; 4: not.',
    )
    .option('--agent <id>', 'the agent that took the challenge (default: a-default)')
    .requiredOption('--kind <kind>', 'executable, tool_manifest, container, npm_provenance, workload_token')
    .requiredOption('--challenge <file>', 'what licet attest challenge printed')
    .requiredOption('--evidence <file>', 'the evidence, JSON')
    .action(
      action<SubmitOptions>(async ({ options, out }) => {
        const { challenge, ticket, executionId } = await challengeOf(options.challenge);
        const evidence = object(fromUtf8(await readInput(options.evidence)), options.evidence) as Json;
        const plane = await openForDoor(options);
        try {
          const answer = await plane.attest({
            kind: options.kind as AttestationKind,
            challenge,
            ticket,
            ...(executionId === undefined ? {} : { executionId }),
            evidence,
          });
          out.document(answer);
          tell(out, answer);
          return answer.status === 'affirming' || answer.status === 'warning' ? EXIT.ok : EXIT.notVerified;
        } finally {
          await plane.close();
        }
      }),
    );
}

function tell(
  out: Output,
  answer: { readonly status: keyof typeof STYLES; readonly measured: string; readonly why?: string },
): void {
  const why = answer.why === undefined ? '' : `: ${printable(answer.why)}`;
  out.line(`${out.style(STYLES[answer.status], answer.status)} ${answer.measured}${why}`);
}

async function challengeOf(file: string): Promise<{
  readonly subject: string;
  readonly challenge: string;
  readonly ticket: string;
  readonly origin: string;
  readonly executionId?: string;
}> {
  const read = file === '-' ? '/dev/stdin' : file;
  const { subject, challenge, ticket, origin, executionId } = object(fromUtf8(await readInput(read)), file);
  if (
    typeof subject !== 'string' ||
    typeof challenge !== 'string' ||
    typeof ticket !== 'string' ||
    typeof origin !== 'string'
  )
    throw new CliError('ERR_CLI_USAGE', `${file} holds no challenge`, {
      next: 'Take one: licet attest challenge > challenge.json',
    });
  return {
    subject,
    challenge,
    ticket,
    origin,
    ...(typeof executionId === 'string' ? { executionId } : {}),
  };
}

function object(text: string, what: string): { readonly [name: string]: Json } {
  let value: Json;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new CliError('ERR_CLI_USAGE', `${what} is no JSON`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new CliError('ERR_CLI_USAGE', `${what} is no JSON object`);
  return value as { readonly [name: string]: Json };
}
