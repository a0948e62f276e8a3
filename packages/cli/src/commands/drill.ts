/**
 * `licet drill`: a fail-closed drill through the running plane. Six attempts that must not get through, each by a real
 * door against the real plane; the effect behind the door is a flag that must stay down. The report's digest becomes a
 * `notice` in the log, so that health can say when it was last shown.
 */
import type { Command } from 'commander';
import { base64url, canonicalBytes, sha256, utf8, type Json } from '@licet/evidence';
import type { Answer, Denial, PinnedPlane, PlaneClient, ProvenEntry } from '@licet/api';
import { tellDenial, tellHold } from '../answers.ts';
import { openForDoor, withAttached } from '../attach.ts';
import { action, withPlane, type CommonOptions } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { printable } from '../output.ts';
import { writeOutput } from '../places.ts';

/** The reserved action that is in every schema and that no bundle may permit (DESIGN §6). */
const FORBIDDEN = 'licet/self-test';
/** How long the drill's door waits for a plane that says nothing, milliseconds. */
const DEADLINE_MS = 2_000;
/** Slack for a busy machine, milliseconds. */
const SLACK_MS = 1_000;

/** One attempt and what came of it. */
interface Check {
  readonly name: string;
  readonly what: string;
  readonly held: boolean;
  readonly found: string;
  readonly tookMs: number;
}

interface DrillOptions extends CommonOptions {
  readonly output?: string;
  readonly force?: boolean;
  readonly log?: boolean;
}

/** Adds the command. */
export function addDrill(program: Command): void {
  withPlane(program.command('drill'))
    .summary('show that failures deny, and record it')
    .description(
      'A fail-closed drill through the running plane: attempts that must not get through, each by a real door.\n' +
        'The digest of the report becomes a notice in the log; health shows the last one.',
    )
    .option('-o, --output <file>', 'write the report here')
    .option('--force', 'replace the file')
    .option('--no-log', 'do not record it')
    .action(
      action<DrillOptions>(async ({ options, out }) => {
        if (options.url !== undefined)
          throw new CliError(
            'ERR_CLI_USAGE',
            'a drill needs the data folder: its door uses an agent of this plane',
          );
        const plane = await openForDoor(options);
        let checks: readonly Check[];
        let origin: string;
        try {
          checks = await drill(plane);
          ({ origin } = await plane.status());
        } finally {
          await plane.close();
        }
        const passed = checks.every(({ held }) => held);
        const report = { v: 1, type: 'licet/drill', origin, atMs: Date.now(), passed, checks };
        const bytes = canonicalBytes(report as unknown as Json);
        const digest = drillDigest(bytes);
        if (options.output !== undefined)
          await writeOutput(options.output, bytes, { replace: options.force === true });
        for (const { name, what, held, found, tookMs } of checks)
          out.line(
            `${out.style(held ? 'good' : 'bad', held ? '✓' : '✗')} ${name.padEnd(16)} ${what} ${printable(found)} (${tookMs} ms)`,
          );
        if (options.log === false) {
          out.document({ ok: passed, digest, checks, recorded: false });
          return passed ? EXIT.ok : EXIT.failed;
        }
        const answer = await withAttached(options, ({ client }) =>
          client.notice(passed ? 'drill' : 'drill_failed', digest),
        );
        out.document({
          ok: passed && answer.verdict === 'done',
          digest,
          checks,
          recorded: answer.verdict === 'done',
          answer,
        });
        if (answer.verdict === 'hold') tellHold(out, answer);
        if (answer.verdict === 'deny') tellDenial(out, answer);
        if (answer.verdict !== 'done') return EXIT.denied;
        out.line(
          `${passed ? 'Every attempt was stopped' : 'Something got through'}; recorded as ${answer.leaf ?? ''}, digest ${digest}`,
        );
        return passed ? EXIT.ok : EXIT.failed;
      }),
    );
}

/** Returns the digest that the notice carries. */
export const drillDigest = (report: Uint8Array): string =>
  base64url(sha256(utf8('licet/drill/v1\n'), report));

/** Runs every attempt. None of them may run the effect. */
async function drill(plane: PinnedPlane): Promise<readonly Check[]> {
  const first = await plane.request(request());
  return [
    await attempt('forbidden', 'an action that no policy may permit:', plane, (code) => code === 'policy'),
    await attempt(
      'forged permit',
      'a denial dressed up as a permit:',
      through(plane, async () => dressedUp(first)),
      (code) => code === 'unverifiable' || code === 'log',
    ),
    await attempt(
      'silent plane',
      `a plane that does not answer within ${DEADLINE_MS} ms:`,
      through(plane, () => new Promise<never>(() => undefined)),
      (code, tookMs) => code === 'plane_unreachable' && tookMs <= DEADLINE_MS + SLACK_MS,
    ),
    await attempt(
      'garbled answer',
      'an answer that is no answer:',
      through(plane, async () => ({ verdict: 'maybe' }) as unknown as Answer),
      (code) => code === 'unverifiable' || code === 'plane_unreachable',
    ),
    await attempt(
      'plane gone',
      'a plane whose connection breaks:',
      through(plane, async () => {
        throw new Error('connection reset');
      }),
      (code) => code === 'plane_unreachable',
    ),
    await redeemed(plane, first),
  ];
}

const request = (): Parameters<PlaneClient['request']>[0] => ({
  action: FORBIDDEN,
  arguments: {},
  idempotencyKey: random(),
  instance: random(),
  start: true,
  door: { grade: 'in-process', confine: 'none', bound: ['input', 'resource'] },
});
const random = (): string => base64url(crypto.getRandomValues(new Uint8Array(16)));

/** The same plane with another way of answering requests. */
const through = (plane: PinnedPlane, answer: PlaneClient['request']): PinnedPlane => ({
  ...plane,
  request: answer,
});

/** RULE 1: a refusal is no authority, whatever field it stands in. */
function dressedUp(answer: Answer): Answer {
  const refusal = refusalOf(answer);
  return {
    verdict: 'allow',
    executionId: answer.executionId,
    permit: refusal,
    start: refusal,
    disclosures: { arguments: [], resources: [] },
  };
}

function refusalOf(answer: Answer): ProvenEntry {
  const { refusal } = answer as Partial<Denial>;
  if (refusal === undefined)
    throw new CliError('ERR_CLI_DRILL', `${FORBIDDEN} was not refused with an entry: ${answer.verdict}`);
  return refusal;
}

/** A guarded call that must throw `Denied` and must not run. */
async function attempt(
  name: string,
  what: string,
  plane: PinnedPlane,
  expected: (code: string, tookMs: number) => boolean,
): Promise<Check> {
  const { createDoor, Denied, guard, processMemory } = await import('@licet/sdk');
  let ran = false;
  const door = createDoor(
    plane,
    { ...plane.pinned, memory: processMemory() },
    { deadlineMs: DEADLINE_MS, onWarning: () => undefined },
  );
  const effect = guard(door, FORBIDDEN, () => {
    ran = true;
  });
  const began = performance.now();
  const took = (): number => Math.round(performance.now() - began);
  try {
    await effect({});
    return { name, what, held: false, found: 'it ran', tookMs: took() };
  } catch (error) {
    const tookMs = took();
    const code = error instanceof Denied ? error.code : `no denial: ${String(error)}`;
    // Closed: only the denial that was expected counts, and only when the effect stayed down.
    const held = !ran && error instanceof Denied && expected(code, tookMs);
    return { name, what, held, found: ran ? 'it ran' : `denied, ${code}`, tookMs };
  }
}

/** The plane itself must refuse to open a lease on what is no permit. */
async function redeemed(plane: PinnedPlane, answer: Answer): Promise<Check> {
  const began = performance.now();
  const what = 'redeeming an entry that is no permit:';
  let found: string;
  let held = false;
  try {
    const { instance, door } = request();
    const reply = await plane.redeem(answer.executionId, { permit: refusalOf(answer), instance, door });
    held = reply.verdict === 'deny';
    found = reply.verdict === 'deny' ? `denied, ${reply.code}` : 'a lease was opened';
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code;
    // A refusal of the contract is one; an answer that never came is not.
    held = code === 'conflict' || code === 'not_found' || code === 'schema';
    found = `refused, ${String(code)}`;
  }
  return { name: 'no permit', what, held, found, tookMs: Math.round(performance.now() - began) };
}
