/**
 * What can happen to the files of a SQLite store: torn, tampered with, newer, another's, full, read-only, held.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { holdDataFolder, openSqliteStore, type SqliteStore, type SqliteStoreOptions } from '../src/index.ts';
import { createKeysFile } from '../src/keys-file.ts';
import { openForWriting } from '../src/schema.ts';
import { anExecution, boot, codeOf, digestOf, execId, KEYS } from './builders.ts';

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'licet-files-'));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

const open = (options: Partial<SqliteStoreOptions> = {}): Promise<SqliteStore> =>
  openSqliteStore({
    path,
    keys: KEYS,
    machine: new URL('./tiny-machine.ts', import.meta.url).href,
    reserveBytes: 65_536,
    ...options,
  });

async function filled(count = 300): Promise<void> {
  const store = await open();
  await store.commit(boot);
  const record = { id: execId(7), key: new Uint8Array(32).fill(7), body: { secret: 'a-very-secret-word' } };
  await Promise.all(
    Array.from({ length: count }, (_, i) => store.commit(anExecution(i, i === 7 ? { record } : {}))),
  );
  await store.close();
}

function tamper(sql: string, ...values: (string | number | Uint8Array)[]): void {
  const db = new DatabaseSync(join(path, 'store-1.db'), { enableForeignKeyConstraints: false });
  db.prepare(sql).run(...values);
  db.close();
}

describe('tampering is found by the check, which names the first bad index', () => {
  const cases: readonly (readonly [string, () => void, RegExp])[] = [
    [
      'an entry',
      () => tamper("UPDATE entry SET bytes = CAST('{}' AS BLOB) WHERE idx = 17"),
      /entry 17 does not hash/,
    ],
    [
      'an entry with its leaf',
      () =>
        tamper(
          'UPDATE entry SET bytes = (SELECT bytes FROM entry WHERE idx = 3), leaf = zeroblob(32) WHERE idx = 19',
        ),
      /entry 19 does not hash/,
    ],
    ['a missing entry', () => tamper('DELETE FROM entry WHERE idx = 20'), /entry 20 is missing/],
    [
      'a tile',
      () => tamper('UPDATE tile SET hashes = CAST(zeroblob(8192) AS BLOB) WHERE level = 0 AND idx = 0'),
      /first bad index 0/,
    ],
    ['a head', () => tamper('UPDATE entry SET root = zeroblob(32) WHERE idx = 0'), /head of size 1/],
    ['the root', () => tamper('UPDATE state SET root = zeroblob(32)'), /./],
  ];
  test.each(cases)('%s', async (_, damage, expected) => {
    await filled();
    damage();
    let store: SqliteStore;
    try {
      store = await open();
    } catch (error) {
      // The fork guard was faster: it refused to open at all.
      expect((error as { code: string }).code).toBe('ERR_STORE_CORRUPT');
      return;
    }
    await expect(store.check()).rejects.toThrow(expected);
    await expect(store.check()).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' });
    await store.close();
  });

  test('a tampered entry is not handed out', async () => {
    await filled();
    tamper("UPDATE entry SET bytes = CAST('{}' AS BLOB) WHERE idx = 17");
    const store = await open();
    expect(await codeOf(store.log.entries(10, 20))).toBe('ERR_STORE_CORRUPT');
    expect(await codeOf(store.readBack(digestOf('idem 16')))).toBe('ERR_STORE_CORRUPT');
    await store.close();
  });

  test('rule 36: a store whose root was changed is not opened, so nothing is signed', async () => {
    await filled(5);
    tamper('UPDATE state SET root = zeroblob(32)');
    expect(await codeOf(open())).toBe('ERR_STORE_CORRUPT');
  });
});

describe('keys and formats', () => {
  test('rule 3: another log key is refused', async () => {
    await filled(3);
    const log = { name: KEYS.log.name, seed: new Uint8Array(32).fill(99) };
    expect(await codeOf(open({ keys: { ...KEYS, log } }))).toBe('ERR_STORE_KEY');
    const renamed = { name: 'licet.test/other', seed: KEYS.log.seed };
    expect(await codeOf(open({ keys: { ...KEYS, log: renamed } }))).toBe('ERR_STORE_KEY');
    const store = await open();
    expect((await store.check()).size).toBe(4);
    await store.close();
  });

  test('a newer format is refused and left as it is', async () => {
    await filled(3);
    for (const file of ['store-1.db', 'keys-1.db']) {
      const db = new DatabaseSync(join(path, file));
      db.exec('PRAGMA user_version = 99');
      db.close();
      expect(await codeOf(open())).toBe('ERR_STORE_FORMAT');
      const again = new DatabaseSync(join(path, file));
      again.exec('PRAGMA user_version = 1');
      again.close();
    }
    await (await open()).close();
  });

  test("another program's file is refused", async () => {
    const db = new DatabaseSync(join(path, 'store-1.db'));
    db.exec('CREATE TABLE theirs (a); PRAGMA user_version = 1');
    db.close();
    expect(await codeOf(open())).toBe('ERR_STORE_FORMAT');
  });

  test('a file that is no database is refused', async () => {
    await filled(3);
    writeFileSync(join(path, 'store-1.db'), 'not a database, but long enough to be looked at'.repeat(200));
    rmSync(join(path, 'store-1.db-wal'), { force: true });
    expect(await codeOf(open())).toBe('ERR_STORE_CORRUPT');
  });

  test('record keys without a store are not swept away', async () => {
    await filled(10);
    rmSync(join(path, 'store-1.db'));
    expect(await codeOf(open())).toBe('ERR_STORE_CORRUPT');
    expect(existsSync(join(path, 'keys-1.db'))).toBe(true);
  });

  test('rule 41: a lost key is told apart from an erased one', async () => {
    await filled(10);
    const db = new DatabaseSync(join(path, 'keys-1.db'));
    db.exec('DELETE FROM record_key');
    db.close();
    const store = await open();
    expect(await codeOf(store.records.get(execId(7)))).toBe('ERR_STORE_CORRUPT');
    await store.close();
  });

  test('rule 41: neither record nor destroyed key is in any file in the clear', async () => {
    await filled(10);
    const everything = (): string =>
      readdirSync(path)
        .map((name) => readFileSync(join(path, name)).toString('latin1'))
        .join('');
    expect(everything()).not.toContain('a-very-secret-word');
    expect(everything()).toContain('\x07'.repeat(32));
    const store = await open();
    await store.commit(boot);
    await store.records.destroyKey(execId(7));
    expect(everything()).not.toContain('\x07'.repeat(32));
    await store.close();
    expect(everything()).not.toContain('\x07'.repeat(32));
  });

  test('rule 41: of many keys in the shuffled order of a busy plane, those destroyed are in no page', () => {
    const db = openForWriting(join(path, 'keys-9.db'), 'keys');
    const file = createKeysFile(db);
    const keys = Array.from({ length: 4_000 }, (_, n) => ({
      // Time in front and chance behind, as execution ids have it: pages split, and are filled in the middle.
      id: `${String(n >> 4).padStart(8, '0')}-${digestOf(`id ${n}`)}`,
      key: Buffer.from(digestOf(`key ${n}`).slice(0, 32)),
    }));
    for (let at = 0; at < keys.length; at += 20) file.put(keys.slice(at, at + 20));
    const gone = keys.filter((_, n) => n % 97 === 5);
    for (const { id } of gone) file.destroy(id);
    const left = readdirSync(path).map((name) => readFileSync(join(path, name)));
    const found = (key: Buffer): boolean => left.some((bytes) => bytes.includes(key));
    expect(gone.filter(({ key }) => found(key))).toEqual([]);
    expect(found(keys[0]!.key)).toBe(true);
    db.close();
  });

  test('rule 41: a key whose entry never became durable is swept at the next opening', async () => {
    const store = await open({ faults: [{ point: 'torn-batch', batch: 2 }] });
    await store.commit(boot);
    const record = { id: 'orphan', key: new Uint8Array(32).fill(3), body: 1 };
    expect(await codeOf(store.commit(anExecution(1, { record })))).toBe('ERR_STORE_UNAVAILABLE');
    await store.close();
    await (await open()).close();
    const newest = readdirSync(path)
      .filter((name) => /^keys-\d+\.db$/.test(name))
      .at(-1)!;
    const db = new DatabaseSync(join(path, newest), { readOnly: true });
    expect(db.prepare('SELECT count(*) AS n FROM record_key').get()!['n']).toBe(0);
    db.close();
  });
});

describe('torn files', () => {
  test('a WAL cut at any place opens to a whole number of batches', async () => {
    const store = await open();
    await store.commit(boot);
    for (let i = 0; i < 20; i++) await store.commit(anExecution(i));
    // Copied while open: the WAL holds what a crash would leave.
    const copy = `${path}-copy`;
    for (const cut of [0, 100, 5_000, 50_000, 200_000]) {
      mkdirSync(copy);
      for (const name of readdirSync(path).filter((file) => !file.endsWith('-shm'))) {
        writeFileSync(join(copy, name), readFileSync(join(path, name)));
      }
      const wal = join(copy, 'store-1.db-wal');
      truncateSync(wal, Math.max(0, statSync(wal).size - cut));
      const torn = await open({ path: copy });
      const { size } = await torn.check();
      expect(size).toBeLessThanOrEqual(21);
      await torn.commit(boot);
      expect((await torn.check()).size).toBe(size + 1);
      await torn.close();
      rmSync(copy, { recursive: true });
    }
    await store.close();
  });

  test('rule 37: after a failed commit the next opening goes on in new files, verified, and the old ones are gone', async () => {
    const store = await open({ faults: [{ point: 'lost-write', batch: 2 }] });
    await store.commit(boot);
    expect(await codeOf(store.commit(anExecution(1)))).toBe('ERR_STORE_UNKNOWN_RESULT');
    await store.close();
    expect(existsSync(join(path, 'poisoned'))).toBe(true);
    const again = await open();
    await again.commit(boot);
    await again.close();
    expect(
      readdirSync(path)
        .filter((name) => name.endsWith('.db'))
        .toSorted(),
    ).toEqual(['keys-2.db', 'store-2.db']);
    expect(existsSync(join(path, 'poisoned'))).toBe(false);
  });

  test('what a broken recovery left behind is deleted, the newest complete generation counts', async () => {
    await filled(3);
    writeFileSync(join(path, 'store-2.db.new'), 'half');
    writeFileSync(join(path, 'keys-2.db'), '');
    const store = await open();
    expect((await store.check()).size).toBe(4);
    await store.close();
    expect(readdirSync(path)).not.toContain('store-2.db.new');
    expect(readdirSync(path)).not.toContain('keys-2.db');
  });

  test('a second writer is noticed by the fence, and the first never writes again', async () => {
    const first = await open();
    await first.commit(boot);
    const second = await open();
    await second.commit(boot);
    expect(await codeOf(first.commit(anExecution(1)))).toMatch(/ERR_STORE_UNAVAILABLE/);
    expect(await codeOf(first.recover())).toBe('ERR_STORE_UNAVAILABLE');
    await second.commit(anExecution(2));
    expect((await second.check()).size).toBe(3);
    await first.close();
    await second.close();
  });
});

describe('space and permissions', () => {
  const root = process.getuid?.() === 0;

  test('rule 38: on a full disk the normal lane is denied, safety is written, reading goes on, work resumes', async () => {
    const small = join(path, 'small');
    if (!root || !mounted(small)) {
      console.log('skipped: a full disk needs root and a tmpfs');
      return;
    }
    try {
      const store = await open({ path: small, reserveBytes: 196_608 });
      await store.commit(boot);
      await store.commit(anExecution(1));
      writeFileSync(join(small, 'filler'), new Uint8Array(freeBytes(small) - 120_000));
      expect(await codeOf(store.commit(anExecution(2)))).toBe('ERR_STORE_FULL');
      expect(await store.readBack(digestOf('idem 2'))).toBeUndefined();
      for (let i = 10; i < 14; i++)
        expect(await codeOf(store.commit(anExecution(i), { lane: 'safety' }))).toBe('no error');
      expect((await store.health()).ok).toBe(false);
      expect(await store.log.entries(0, 6)).toHaveLength(6);
      rmSync(join(small, 'filler'));
      expect(await codeOf(store.commit(anExecution(3)))).toBe('no error');
      expect((await store.health()).ok).toBe(true);
      expect((await store.check()).size).toBe(7);
      await store.close();
    } finally {
      execFileSync('umount', [small]);
    }
  });

  test('a disk that fills up to the last byte loses nothing that was acknowledged', async () => {
    const small = join(path, 'small');
    if (!root || !mounted(small)) {
      console.log('skipped: a full disk needs root and a tmpfs');
      return;
    }
    try {
      const store = await open({ path: small, reserveBytes: 65_536 });
      await store.commit(boot);
      let acknowledged = 1;
      let code = 'no error';
      for (let i = 0; i < 5_000 && code === 'no error'; i++) {
        code = await codeOf(store.commit(anExecution(i), { lane: 'safety' }));
        if (code === 'no error') acknowledged++;
      }
      expect(code).toMatch(/ERR_STORE_(FULL|UNKNOWN_RESULT|UNAVAILABLE)/);
      expect(await store.log.entries(0, acknowledged)).toHaveLength(acknowledged);
      await store.close();
      const copy = join(path, 'copy');
      execFileSync('cp', ['-r', small, copy]);
      const again = await open({ path: copy });
      expect((await again.check()).size).toBeGreaterThanOrEqual(acknowledged);
      await again.close();
    } finally {
      execFileSync('umount', [small]);
    }
  });

  test('a folder that cannot be written is refused', async () => {
    await filled(3);
    const file = join(path, 'a-file');
    writeFileSync(file, '');
    expect(await codeOf(open({ path: file }))).toBe('ERR_STORE_OPEN');
    if (root) {
      const readOnly = join(path, 'ro');
      if (!mounted(readOnly)) return;
      try {
        execFileSync('mount', ['-o', 'remount,ro', readOnly]);
        expect(await codeOf(open({ path: readOnly }))).toBe('ERR_STORE_OPEN');
      } finally {
        execFileSync('umount', [readOnly]);
      }
      return;
    }
    chmodSync(path, 0o500);
    expect(await codeOf(open())).toBe('ERR_STORE_OPEN');
    chmodSync(path, 0o700);
  });

  function mounted(folder: string): boolean {
    mkdirSync(folder, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }
  const freeBytes = (folder: string): number =>
    Number(execFileSync('df', ['--output=avail', '-B1', folder]).toString().split('\n')[1]);
});

describe('the lock of the data folder', () => {
  test('one holder at a time; released, another can hold it', async () => {
    const folder = join(path, 'data');
    const lock = await holdDataFolder(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(await holdDataFolder(folder)).toBe('held');
    if (lock !== 'held') lock.release();
    const next = await holdDataFolder(folder);
    expect(next).not.toBe('held');
    if (next !== 'held') next.release();
  });

  test('a holder that is killed lets go', async () => {
    const lock = new URL('../src/lock.ts', import.meta.url).href;
    const script = `const { holdDataFolder } = await import(${JSON.stringify(lock)});
      console.log((await holdDataFolder(${JSON.stringify(path)})) === 'held' ? 'held' : 'mine');
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said = await new Promise<string>((resolve) =>
      child.stdout.once('data', (data) => resolve(String(data).trim())),
    );
    expect(said).toBe('mine');
    expect(await holdDataFolder(path)).toBe('held');
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await gone;
    const mine = await holdDataFolder(path);
    expect(mine).not.toBe('held');
    if (mine !== 'held') mine.release();
  });
});
