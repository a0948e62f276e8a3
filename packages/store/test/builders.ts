/** Builders that default everything, so that a test shows only what matters to it. */
import { base64url, sha256, utf8 } from '@licet/evidence';
import type { Prepared } from '@licet/control-plane';
import type { StoreError } from '../src/index.ts';

export const KEYS = {
  log: { name: 'licet.test/log', seed: new Uint8Array(32).fill(1) },
  lease: { name: 'licet.test/log/lease', seed: new Uint8Array(32).fill(2) },
} as const;

export const digestOf = (text: string): string => base64url(sha256(utf8(text)));

/** The n-th execution id: a UUIDv7 by form. */
export const execId = (n: number): string => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

export const boot: Prepared = {
  command: {
    kind: 'boot',
    incarnation: 'i1',
    version: '1',
    custody: 'same-user',
    operatorPolicy: digestOf('policy'),
  },
  reads: [],
  evaluatedAtMs: 0,
};

/** One observation about execution `n`, under idempotency digest `digestOf(\`idem ${n}\`)`. */
export function anExecution(
  n: number,
  options: Partial<Prepared> & { readonly behaviour?: string } = {},
): Prepared {
  const { behaviour = 'one', ...rest } = options;
  return {
    command: {
      kind: 'operate',
      exec: execId(n),
      caller: { subject: 'user-1', jkt: digestOf('key') },
      effect: { op: 'notice', notice: behaviour, digest: digestOf('notice') },
      commitments: { args: digestOf('a'), resource: digestOf('r'), inputs: digestOf('i') },
      request: digestOf(`request ${n}`),
      idem: digestOf(`idem ${n}`),
      recognition: digestOf(`recognition ${n}`),
      instance: digestOf('instance'),
    },
    reads: [],
    evaluatedAtMs: 0,
    ...rest,
  };
}

export function aRenewal(n: number, counter: number): Prepared {
  return {
    command: {
      kind: 'renew',
      exec: execId(n),
      caller: { subject: 'user-1', jkt: digestOf('key') },
      instance: digestOf('instance'),
      counter,
      nonce: 'AAAAAAAAAAAAAAAAAAAAAA',
      resources: [],
      verdict: {
        verdict: 'allow',
        reasons: [],
        holds: [],
        leaseMs: 10_000,
        maxMs: 60_000,
        assurance: 'logged',
        engine: 'cedar/4',
      },
    },
    reads: [],
    evaluatedAtMs: 0,
  };
}

/** Resolves to the code that a promise rejects with; fails the test when it does not reject. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as StoreError).code;
  }
  return 'no error';
}
