/**
 * `licet contain SCOPE | lift LEAF | stop`: stopping a tree, an agent, a tool or everything (RULE 33–35). `stop` needs
 * neither login nor database: it signs an order with the contain key of the state folder and hands it to the socket and
 * to DATA/STOP.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Command } from 'commander';
import {
  formatContainOrder,
  formatNote,
  parseContainOrder,
  parseNote,
  type ScopeKind,
} from '@licet/evidence';
import { ed25519NoteSigner } from '@licet/evidence/node';
import { tellAnswer } from '../answers.ts';
import { requirePlane, withAttached } from '../attach.ts';
import { action, confirm, withPlane, type CommonOptions } from '../command.ts';
import { CliError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { count, type Output, printable, time } from '../output.ts';
import { dataFolderOf, reason, stateFolderOf } from '../places.ts';

export interface Scope {
  readonly kind: ScopeKind;
  readonly id: string;
}

const KINDS: readonly ScopeKind[] = [
  'execution',
  'run',
  'subtree',
  'agent',
  'tool',
  'resource',
  'tenant',
  'everything',
];

/** Returns the scope of `run:ID`, `agent:ID`, `tool:files/write_file`, `everything`. @throws CliError `ERR_CLI_USAGE` */
export function parseScope(text: string): Scope {
  const at = text.indexOf(':');
  const kind = (at < 0 ? text : text.slice(0, at)) as ScopeKind;
  const id = at < 0 ? '' : text.slice(at + 1);
  if (KINDS.includes(kind)) {
    if (kind === 'everything' && (id === '' || id === '*')) return { kind, id: '*' };
    if (kind !== 'everything' && id !== '') return { kind, id };
  }
  throw new CliError('ERR_CLI_USAGE', `${JSON.stringify(text)} is no scope`, {
    next: `Write everything, or one of ${KINDS.filter((name) => name !== 'everything')
      .map((name) => `${name}:ID`)
      .join(', ')}.`,
  });
}

/** Adds the commands. */
export function addContainment(program: Command): void {
  withPlane(program.command('contain'))
    .summary('stop and bar everything in a scope')
    .description(
      'Stop what runs in a scope and bar what is new, durably. Without a scope: what is contained now.',
    )
    .argument(
      '[scope]',
      `everything, or ${KINDS.slice(0, 5)
        .map((kind) => `${kind}:ID`)
        .join(', ')} …`,
    )
    .option('--yes', 'contain without asking')
    .action(
      action<{ readonly yes?: boolean }>(async ({ options, out }, text) => {
        if (text === undefined) return listContained(options, out);
        const scope = parseScope(text);
        return withAttached(options, async ({ client }) => {
          const { executions, agents } = await client.previewContainment(scope);
          out.line(
            `This stops ${count(executions.length, 'execution')} of ${count(agents.length, 'agent')}:`,
          );
          for (const { executionId, state, action: what } of executions.slice(0, 20))
            out.line(`  ${executionId}  ${state.padEnd(9)}  ${printable(what)}`);
          if (executions.length > 20) out.line(`  and ${executions.length - 20} more`);
          out.line('New calls in the scope are denied until it is lifted.');
          await confirm(out, `Contain ${text}?`, options.yes);
          const answer = await client.contain(scope);
          return tellAnswer(out, answer, `${text} is contained`);
        });
      }),
    );
  withPlane(program.command('lift'))
    .description('end a containment; two people, except on a plane made with --solo')
    .argument('<leaf>', 'the leaf of its entry: see `licet contain`')
    .action(
      action(({ options, out }, leaf) =>
        withAttached(options, async ({ client }) => {
          const lifted = (await client.containments()).active.find((item) => item.leaf === leaf);
          const answer = await client.lift(leaf!);
          if (answer.verdict === 'done' && lifted?.cause === 'order')
            await removeStopFile(options, lifted.scope);
          return tellAnswer(out, answer, 'lifted; new calls are decided by policy again');
        }),
      ),
    );
  addStop(program);
}

/** A lifted order left in DATA/STOP would bar new work: it goes with its lift. One of another scope stays. */
async function removeStopFile(options: CommonOptions, scope: Scope): Promise<void> {
  if (options.url !== undefined) return;
  const path = join(dataFolderOf(options), STOP_FILE);
  try {
    const order = parseContainOrder(parseNote(await readFile(path, 'utf8')).text);
    if (order.scope.kind === scope.kind && order.scope.id === scope.id) await rm(path);
  } catch {
    // No file, or none of ours: it stays as it is, and the plane says that it bars.
  }
}

const listContained = (options: CommonOptions, out: Output) =>
  withAttached(options, async ({ client }) => {
    const { epoch, active } = await client.containments();
    out.document({ epoch, active });
    for (const { leaf, scope, atMs, cause } of active)
      out.line(`${leaf}  ${scope.kind}:${printable(scope.id)}  ${time(atMs)}  by ${cause}`);
    if (active.length === 0) out.line('Nothing is contained.');
    return EXIT.ok;
  });

/** Names in the data folder. */
const SOCKET_FILE = 'plane.sock';
const STOP_FILE = 'STOP';
/** How long a stop order may be obeyed, milliseconds: long enough for a plane that is being brought back. */
const ORDER_MS = 24 * 3_600_000;

function addStop(program: Command): void {
  withPlane(program.command('stop'))
    .summary('emergency stop: works without login, disk or database')
    .description(
      'Emergency stop: sign a kill order with the contain key of your state folder and hand it to the plane, over its\n' +
        'socket and as DATA/STOP. Needs no login and no database. Asks nothing. Lift it with `licet lift`.',
    )
    .argument('[scope]', 'default: everything')
    .action(
      action(async ({ options, out }, text) => {
        const scope = parseScope(text ?? 'everything');
        const data = await requirePlane(options);
        const note = await signOrder(data, scope);
        const [socket, file] = await Promise.all([overSocket(data, note), asFile(data, note)]);
        if (!socket.delivered && !file.delivered)
          throw new CliError(
            'ERR_CLI_STOP',
            `neither socket nor file took the order: ${socket.why}; ${file.why}`,
            {
              still: 'Running executions go on until their leases end.',
              detail: { note },
            },
          );
        out.document({ ok: true, scope, socket, file, note });
        out.line(`${out.style('bad', '■ stop')} ${scope.kind}${scope.id === '*' ? '' : `:${scope.id}`}`);
        out.line(`  plane.sock  ${socket.why}`);
        out.line(`  DATA/STOP   ${file.why}`);
        if (!socket.delivered) out.line('The plane obeys the file when it looks next, or when it starts.');
        return EXIT.ok;
      }),
    );
}

interface Delivery {
  readonly delivered: boolean;
  readonly durable?: boolean;
  readonly why: string;
}

async function signOrder(data: string, scope: Scope): Promise<string> {
  const { readSeed, statePaths } = await import('@licet/server');
  // Only what names the plane is read: keys of the data folder may be out of reach by now.
  const { origin } = JSON.parse(await readFile(join(data, 'plane.json'), 'utf8')) as {
    readonly origin: string;
  };
  const nowMs = Date.now();
  const text = formatContainOrder({ origin, scope, serial: nowMs, exp: nowMs + ORDER_MS });
  const signer = ed25519NoteSigner(
    `${origin}/contain`,
    await readSeed(statePaths(stateFolderOf(), origin).containSeed),
  );
  return formatNote(text, [signer.signSync(text)]);
}

/** Milliseconds to wait for the plane. */
const SOCKET_MS = 5_000;

/** Without any credential: the order is its own. */
function overSocket(data: string, note: string): Promise<Delivery> {
  // A deep folder has a socket path that the kernel does not take; a relative one is always short.
  process.chdir(data);
  const body = JSON.stringify({ note });
  return new Promise((resolve) => {
    const sent = request(
      {
        socketPath: SOCKET_FILE,
        method: 'POST',
        path: '/order',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        timeout: SOCKET_MS,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve(readDelivery(response.statusCode ?? 0, text)));
        response.on('error', (error) => resolve({ delivered: false, why: error.message }));
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', (error) => resolve({ delivered: false, why: `nobody listens (${reason(error)})` }));
    sent.end(body);
  });
}

function readDelivery(status: number, text: string): Delivery {
  let value: { readonly effective?: unknown; readonly durable?: unknown; readonly detail?: unknown } = {};
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    // An answer that cannot be read says nothing about having stopped.
  }
  if (status !== 200 || value.effective !== true)
    return {
      delivered: false,
      why: `refused: ${status} ${printable(String(value.detail ?? text).slice(0, 200))}`,
    };
  const durable = value.durable === true;
  // RULE 34: called durable only after the write.
  return {
    delivered: true,
    durable,
    why: durable ? 'in effect, and written' : 'in effect in memory; not written yet',
  };
}

async function asFile(data: string, note: string): Promise<Delivery> {
  const path = join(data, STOP_FILE);
  try {
    const draft = `${path}.new`;
    await writeFile(draft, note, { mode: 0o600 });
    await rename(draft, path);
    return { delivered: true, why: 'written' };
  } catch (cause) {
    return { delivered: false, why: reason(cause) };
  }
}
