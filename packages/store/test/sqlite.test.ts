/** The SQLite store: the contract over files in a fresh folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../src/index.ts';
import { KEYS } from './builders.ts';
import { contract, type Place } from './contract.ts';
import { realMachine } from './real-machine.ts';

const place = async (machine?: string): Promise<Place> => {
  const path = mkdtempSync(join(tmpdir(), 'licet-store-'));
  return {
    open: (options) =>
      openSqliteStore({
        path,
        keys: KEYS,
        reserveBytes: 65_536,
        ...(machine === undefined ? {} : { machine }),
        ...options,
      }),
    dispose: async () => rmSync(path, { recursive: true, force: true }),
  };
};

contract('sqlite', () => place(new URL('./tiny-machine.ts', import.meta.url).href));
realMachine('sqlite', () => place());
