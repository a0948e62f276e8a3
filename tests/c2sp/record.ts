/**
 * A real log, read as a stranger reads it: starts a server, fills its log over HTTP, keeps checkpoints and permits on
 * the way, copies what the listeners serve into a folder of tlog-tiles, and lets the Go program check both the
 * running server and the copy. `node tests/c2sp/record.ts` makes the fixtures anew.
 *
 *     fixtures/log/          checkpoint, tile/…                fixtures/saved/checkpoints/<size>
 *     fixtures/vkey          the log's key                     fixtures/saved/proofs/<index>.{entry,tlog-proof}
 *     fixtures/verdicts      what the Go program said, one JSON statement per line
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseTlogProof, parseCheckpoint, parseNote, tilePath, TILE_WIDTH } from '@licet/evidence';
import { clientOf, known, makeFolders, registerAgent, startServer } from '../support/server-process.ts';

export const FIXTURES = join(import.meta.dirname, 'fixtures');
const PROGRAM = join(import.meta.dirname, 'verify.go');
/** Where Debian puts golang-golang-x-mod-dev. */
const GOPATH = '/usr/share/gocode';
/** Enough for two full tiles and a level above them. */
const REQUESTS = 300;
const CHECKPOINTS = 6;
const PROOF_EVERY = 15;

/** What the Go program said about the running server, and about the copy in a folder. */
export interface Recorded {
  readonly size: number;
  readonly live: string;
  readonly exported: string;
}

/** Why the Go program cannot be built here; undefined when it can. */
export function goIsMissing(): string | undefined {
  if (spawnSync('go', ['version']).status !== 0) return 'Go is not installed';
  const has = spawnSync('test', ['-d', join(GOPATH, 'src/golang.org/x/mod/sumdb/tlog')]).status === 0;
  return has ? undefined : 'golang.org/x/mod is not installed (Debian package: golang-golang-x-mod-dev)';
}

/** Makes a log, checks it with the Go program live and as a copy, and leaves the copy in `folder`. */
export async function record(folder: string, requests = REQUESTS): Promise<Recorded> {
  const folders = makeFolders('c2sp');
  const build = mkdtempSync(join(tmpdir(), 'licet-verify-'));
  const server = await startServer(folders);
  try {
    const plane = await known(folders);
    const operator = await clientOf(plane, server.url, { token: plane.operatorToken });
    const agent = await clientOf(plane, server.url, { key: await registerAgent(operator, 'a-load') });
    const save = (path: string, bytes: string | Uint8Array): void => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), bytes);
    };
    const fetched = async (url: string, headers: Record<string, string> = {}): Promise<Uint8Array> => {
      const response = await fetch(url, { headers });
      if (!response.ok) throw new Error(`${url}: ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    };

    const sizes: number[] = [];
    const keepCheckpoint = async (path: (size: number) => string): Promise<void> => {
      const note = Buffer.from(await fetched(`${server.publicUrl}/checkpoint`)).toString();
      const { size } = parseCheckpoint(parseNote(note).text);
      sizes.push(size);
      save(path(size), note);
    };
    for (let n = 0; n < requests; n += 1) {
      if (n % Math.ceil(requests / CHECKPOINTS) === 0)
        await keepCheckpoint((size) => `saved/checkpoints/${size}`);
      const instance = randomBytes(16).toString('base64url');
      const answer = await agent.request({
        action: 'files/write_file',
        arguments: { path: `${folders.workspace}/f${n}.txt`, content: `content ${n}` },
        idempotencyKey: randomBytes(16).toString('base64url'),
        instance,
        start: true,
        door: { grade: 'gateway', confine: 'none' },
      });
      if (answer.verdict !== 'allow') throw new Error(`request ${n}: ${answer.code}`);
      // Reported, or leases that end would go on appending while the log is being read.
      await agent.report(answer.executionId, { instance, status: 'completed' });
      if (n % PROOF_EVERY !== 0) continue;
      const { index } = parseTlogProof(answer.permit.proof);
      save(`saved/proofs/${index}.entry`, answer.permit.entry);
      save(`saved/proofs/${index}.tlog-proof`, answer.permit.proof);
    }

    await keepCheckpoint(() => 'log/checkpoint');
    const bearer = { authorization: `Bearer ${plane.operatorToken}` };
    const size = sizes.at(-1)!;
    for (const path of new Set(sizes.flatMap((each) => hashTiles(each))))
      save(`log/${path}`, await fetched(`${server.publicUrl}/${path}`));
    for (const path of tilesOf('entries', size))
      save(`log/${path}`, await fetched(`${server.url}/${path}`, bearer));
    save('vkey', `${plane.folder.vkeys.log}\n`);

    const program = join(build, 'verify');
    const env = { ...process.env, GO111MODULE: 'off', GOPATH, GOFLAGS: '' };
    execFileSync('go', ['build', '-o', program, PROGRAM], { env });
    const common = ['-vkey', plane.folder.vkeys.log, '-saved', join(folder, 'saved')];
    const verdicts = (args: readonly string[]): string =>
      execFileSync(program, [...common, ...args], { encoding: 'utf8', maxBuffer: 64 * 1_048_576 });
    const header = `authorization: ${bearer.authorization}`;
    const live = verdicts(['-tiles', server.publicUrl, '-entries', server.url, '-header', header]);
    const exported = verdicts(['-dir', join(folder, 'log')]);
    for (const path of ['checkpoint', ...tilesOf(0, size), ...tilesOf('entries', size)]) {
      const undo = flipBit(join(folder, 'log', path));
      // A checker that accepts this checks nothing.
      if (spawnSync(program, [...common, '-dir', join(folder, 'log')]).status === 0)
        throw new Error(`the Go program accepts another ${path}`);
      undo();
    }
    save('verdicts', exported);
    await agent.close();
    await operator.close();
    return { size, live, exported };
  } finally {
    await server.stop();
    folders.remove();
    rmSync(build, { recursive: true, force: true });
  }
}

/** Changes one bit in the middle of a file; returns how to change it back. */
function flipBit(path: string): () => void {
  const bytes = readFileSync(path);
  const altered = Uint8Array.from(bytes);
  altered[altered.length >> 1]! ^= 1;
  writeFileSync(path, altered);
  return () => writeFileSync(path, bytes);
}

/** Paths of one level's tiles of a tree that has `count` nodes there. */
const tilesOf = (level: number | 'entries', count: number): readonly string[] =>
  Array.from({ length: Math.ceil(count / TILE_WIDTH) }, (_, index) =>
    tilePath({ level, index, width: Math.min(TILE_WIDTH, count - index * TILE_WIDTH) }),
  );

/** Paths of every hash tile of a tree: of each level as many as it has complete nodes. */
function hashTiles(size: number): readonly string[] {
  const paths: string[] = [];
  for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / TILE_WIDTH))
    paths.push(...tilesOf(level, count));
  return paths;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const missing = goIsMissing();
  if (missing !== undefined) throw new Error(missing);
  rmSync(FIXTURES, { recursive: true, force: true });
  const { size, live, exported } = await record(FIXTURES);
  if (live !== exported) throw new Error('the running server and the copy were judged differently');
  console.log(`${size} entries; ${exported.split('\n').length - 1} statements`);
}
