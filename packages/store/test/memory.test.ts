/** The store in memory: the contract, and what only it can do: snapshots. */
import { ed25519NoteSigner } from '@licet/evidence/node';
import { formatNote } from '@licet/evidence';
import { checkpointSigner } from '@licet/log';
import { machine as theMachine, type Machine } from '@licet/control-plane';
import { expect, test } from 'vitest';
import { createMemoryStore, type MemorySnapshot, type MemoryStore } from '../src/memory.ts';
import { anExecution, boot, codeOf, digestOf, KEYS } from './builders.ts';
import { contract, type OpenOptions, type Place } from './contract.ts';
import { realMachine } from './real-machine.ts';
import { machine } from './tiny-machine.ts';

const lease = ed25519NoteSigner(KEYS.lease.name, KEYS.lease.seed);

function open(options: OpenOptions = {}, from?: MemorySnapshot, over: Machine = machine): MemoryStore {
  let seed = 0;
  let batches = 0;
  return createMemoryStore({
    machine: over,
    signer: checkpointSigner(ed25519NoteSigner(KEYS.log.name, KEYS.log.seed)),
    lease: { signNote: (text) => formatNote(text, [lease.signSync(text)]) },
    clock: { nowMs: () => Date.now() },
    random: { bytes: (length) => new Uint8Array(length).fill(++seed % 251) },
    faults: {
      at(point) {
        if (point === 'before-commit') batches++;
        if (options.faults?.some((plan) => plan.point === point && plan.batch === batches))
          throw new Error(point);
      },
    },
    ...(options.queue === undefined ? {} : { queue: options.queue }),
    ...(from === undefined ? {} : { from }),
  });
}

const place = async (over?: Machine): Promise<Place> => {
  let last: MemoryStore | undefined;
  return {
    async open(options) {
      last = open(options, last?.snapshot(), over);
      return last;
    },
    dispose: async () => undefined,
  };
};

contract('memory', () => place());
realMachine('memory', () => place(theMachine));

test('a snapshot does not change when the store goes on, and a restart from it goes on from there', async () => {
  const store = open();
  await store.commit(boot);
  await store.commit(anExecution(1));
  const snapshot = store.snapshot();
  await store.commit(anExecution(2));
  const again = open({}, snapshot);
  expect(await codeOf(again.readBack(digestOf('idem 2')))).toBe('no error');
  expect((await again.readBack(digestOf('idem 1')))?.entries).toHaveLength(1);
  expect(await codeOf(again.commit(anExecution(3)))).toBe('ERR_STORE_UNAVAILABLE');
  await again.commit(boot);
  expect((await again.check()).size).toBe(3);
});

test('rule 36: a store rolled back behind what it has signed signs no other history', async () => {
  const store = open();
  await store.commit(boot);
  const snapshot = store.snapshot();
  await store.commit(anExecution(1));
  store.restore(snapshot);
  expect(await codeOf(store.commit(boot))).toBe('ERR_STORE_UNKNOWN_RESULT');
  expect(await codeOf(store.commit(anExecution(2)))).toBe('ERR_STORE_UNAVAILABLE');
});

test('a batch in flight at a restore has an unknown result and writes nothing after it', async () => {
  let hold: (() => void) | undefined;
  const store = createMemoryStore({
    machine,
    signer: checkpointSigner(ed25519NoteSigner(KEYS.log.name, KEYS.log.seed)),
    lease: { signNote: (text) => text },
    clock: { nowMs: () => 0 },
    random: { bytes: (length) => new Uint8Array(length) },
    faults: {
      at: (point) =>
        point === 'lost-write' ? new Promise<void>((resolve) => void (hold = resolve)) : undefined,
    },
  });
  const flying = codeOf(store.commit(boot));
  while (hold === undefined) await Promise.resolve();
  store.restore(store.snapshot());
  hold();
  expect(await flying).toBe('ERR_STORE_UNKNOWN_RESULT');
  expect((await store.health()).size).toBe(0);
});
