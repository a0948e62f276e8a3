// Goal: a door believes one history, over restarts too (RULE 8). Method: real files in a temporary folder, a real
// little log that grows, goes back, or forks.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { verifyConsistency } from '@licet/evidence';
import { createDoor, Denied, fileMemory, guard, processMemory, SdkError } from '../src/index.ts';
import { proofFromTiles } from '../src/linker.ts';
import { withLock } from '../src/lock-file.ts';
import { anAdversary, LittleLog, type Adversary } from './adversary.ts';

const folders: string[] = [];
const aFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'licet-memory-'));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function aCall(plane: Adversary, folder: string) {
  const door = createDoor(
    plane.client,
    { trust: plane.trust, jkt: plane.jkt, memory: fileMemory(folder) },
    { deadlineMs: 500, onWarning: () => undefined },
  );
  return { door, call: guard(door, 'files/write_file', () => 'ran') };
}
async function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'ran',
    (error: unknown) => (error instanceof Denied ? error.code : String(error)),
  );
}
const notice = (log: LittleLog, at: number) =>
  ({
    v: 1,
    type: 'notice',
    origin: log.origin,
    tenant: 'main',
    at,
    nonce: 'AAAAAAAAAAAAAAAAAAAAAA',
    kind: 'made',
    digest: 'A'.repeat(43),
  }) as const;

describe('the memory of the largest checkpoint', () => {
  it('rule 8: it is kept in a file, and a new door starts from it', async () => {
    const folder = aFolder();
    const plane = anAdversary();
    expect(await aCall(plane, folder).call({})).toBe('ran');
    const [file] = readdirSync(join(folder, 'memory'));
    expect(JSON.parse(readFileSync(join(folder, 'memory', file!), 'utf8'))).toMatchObject({
      origin: plane.log.origin,
      size: plane.log.leaves.length,
    });
    expect(await aCall(plane, folder).call({})).toBe('ran');
  });

  it('rule 8: a log that was set back is refused by a door that remembers, also after a restart', async () => {
    const folder = aFolder();
    const before = anAdversary();
    await aCall(before, folder).call({});
    const setBack = anAdversary();
    expect(await code(aCall(setBack, folder).call({}))).toBe('log');
    expect(setBack.requests).toEqual([]);
  });

  it('rule 8: another history of the same size is a fork; both checkpoints are kept, and the door stays shut', async () => {
    const folder = aFolder();
    const before = anAdversary();
    await aCall(before, folder).call({});
    const forked = new LittleLog();
    for (let at = 0; at < before.log.leaves.length; at++) forked.append(notice(forked, at));
    const plane = anAdversary({}, forked);
    const { call, door } = aCall(plane, folder);
    expect(await code(call({}))).toBe('log');
    expect(await code(call({}))).toBe('log');
    expect(door.linker.fault?.code).toBe('ERR_SDK_FORK');
    const evidence = readdirSync(join(folder, 'memory')).filter((name) => name.includes('.fork-'));
    expect(evidence).toHaveLength(1);
    expect(JSON.parse(readFileSync(join(folder, 'memory', evidence[0]!), 'utf8')).notes).toHaveLength(2);
  });

  it('rule 8: a longer history that does not begin with the remembered one is a fork too', async () => {
    const folder = aFolder();
    const before = anAdversary();
    await aCall(before, folder).call({});
    const forked = new LittleLog();
    for (let at = 0; at < 40; at++) forked.append(notice(forked, at));
    expect(await code(aCall(anAdversary({}, forked), folder).call({}))).toBe('log');
  });

  it('rule 8: a broken memory, or one that no trusted key signed, is no empty memory', async () => {
    for (const text of [
      '',
      '{}',
      '{"v":1',
      JSON.stringify({ v: 1, origin: 'licet.local/0123456789abcdef', size: 9, note: 'x\n\n— y AAAAAAAA\n' }),
    ]) {
      const folder = aFolder();
      const plane = anAdversary();
      await aCall(plane, folder).call({});
      const file = join(folder, 'memory', readdirSync(join(folder, 'memory'))[0]!);
      writeFileSync(file, text);
      expect(await code(aCall(plane, folder).call({}))).toBe('log');
    }
  });

  it('a memory that cannot be written shuts the door', async () => {
    const plane = anAdversary();
    const store = { ...processMemory(), save: () => Promise.reject(new Error('disk full')) };
    const door = createDoor(
      plane.client,
      { trust: plane.trust, jkt: plane.jkt, memory: store },
      { onWarning: () => undefined },
    );
    const call = guard(door, 'files/write_file', () => 'ran');
    await code(call({}));
    expect(await code(call({}))).toBe('log');
    expect(door.linker.fault).toMatchObject({ code: 'ERR_SDK_MEMORY' });
  });

  it('the largest wins when many write at once, and no lock is left behind', async () => {
    const folder = aFolder();
    // More than could each take the lock before they give up.
    const sizes = Array.from({ length: 2_000 }, (_, at) => ((at * 7) % 2_000) + 1);
    const kept = await Promise.all(
      sizes.map((size) => fileMemory(folder).save({ origin: 'o', size, note: `n${size}` })),
    );
    expect(await fileMemory(folder).load('o')).toMatchObject({ size: 2_000, note: 'n2000' });
    // Each learned of a head that is at least its own, to link it.
    expect(sizes.every((size, at) => kept[at]!.size >= size)).toBe(true);
    expect(
      readdirSync(join(folder, 'memory')).filter((name) => name.endsWith('.lock') || name.endsWith('.new')),
    ).toEqual([]);
  });

  it("rule 8: processes that write at once never make it smaller, and what one left when it died is in nobody's way", async () => {
    const folder = aFolder();
    const memory = new URL('../src/memory.ts', import.meta.url).href;
    await fileMemory(folder).save({ origin: 'o', size: 1, note: 'n1' });
    const [name] = readdirSync(join(folder, 'memory'));
    const longAgo = new Date(Date.now() - 3_600_000);
    for (const left of [`${name}.lock`, `${name}.lock.breaking`]) {
      writeFileSync(join(folder, 'memory', left), 'somebody who died');
      utimesSync(join(folder, 'memory', left), longAgo, longAgo);
    }
    // Each goes through its sizes in another order, and fails when it is told of a smaller head than it wrote or knew.
    const program = `
      const { fileMemory } = await import(${JSON.stringify(memory)});
      const [folder, step] = process.argv.slice(1);
      let known = 0;
      for (let at = 0; at < 60; at += 1) {
        const size = ((at * Number(step)) % 61) * 4 + Number(step) % 4 + 1;
        const kept = await fileMemory(folder).save({ origin: 'o', size, note: 'n' + size });
        if (kept.size < Math.max(size, known)) throw new Error(kept.size + ' after ' + known);
        known = kept.size;
      }`;
    await Promise.all(
      ['7', '13', '22', '40'].map((step) =>
        promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, folder, step]),
      ),
    );
    expect(await fileMemory(folder).load('o')).toMatchObject({ size: 244 });
    expect(readdirSync(join(folder, 'memory'))).toEqual([name]);
  });

  it("rule 8: who has lost the lock writes nothing, and takes nobody else's away", async () => {
    const lock = join(aFolder(), 'a.lock');
    const late = withLock(lock, async (stillHeld) => {
      await stillHeld();
      writeFileSync(lock, 'another');
      await stillHeld();
    });
    await expect(late).rejects.toMatchObject({ code: 'ERR_SDK_MEMORY' });
    expect(readFileSync(lock, 'utf8')).toBe('another');
  });

  it('many calls at once all link, whatever order their answers come in', async () => {
    const plane = anAdversary({ ttlMs: 5_000 });
    plane.bends.answer = async (answer) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
      return answer;
    };
    const { call, door } = aCall(plane, aFolder());
    expect(await Promise.all(Array.from({ length: 25 }, () => call({})))).toEqual(
      Array.from({ length: 25 }, () => 'ran'),
    );
    await door.linker.settled();
    expect(door.linker.head!.size).toBe(plane.log.leaves.length);
  });

  it('proofs made from tiles hold for any two sizes, and lying tiles prove nothing', async () => {
    const plane = anAdversary();
    for (let at = 0; at < 600; at++) plane.log.append(notice(plane.log, at));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 601 }), fc.integer({ min: 1, max: 601 }), async (a, b) => {
        const [oldSize, newSize] = a < b ? [a, b] : [b, a];
        fc.pre(oldSize !== newSize);
        const { frontierRoot, appendLeaves, emptyFrontier } = await import('@licet/evidence');
        const root = (size: number) =>
          frontierRoot(appendLeaves(emptyFrontier(), plane.log.leaves.slice(0, size)));
        const proof = await proofFromTiles(plane.client, oldSize, newSize);
        const claim = { oldSize, newSize, oldRoot: root(oldSize), newRoot: root(newSize), proof };
        expect(verifyConsistency(claim)).toBe(true);
        const lie = await proofFromTiles(
          { tile: async (path) => (await plane.client.tile(path))?.map((byte) => byte ^ 1) },
          oldSize,
          newSize,
        );
        expect(verifyConsistency({ ...claim, proof: lie })).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it('errors carry a stable code', () => {
    expect(new SdkError('ERR_SDK_MEMORY', 'x').code).toBe('ERR_SDK_MEMORY');
  });
});
