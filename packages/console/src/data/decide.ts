/**
 * The page's side of the sealed worker: verifying an evidence bundle and deciding again. Cedar (4.3 MB) is fetched and
 * compiled at the first call and not before.
 */
import type { AttestationKind } from '@licet/api';
import type { Json, VerifyReport } from '@licet/evidence';
import wasmUrl from '@cedar-policy/cedar-wasm/web/cedar_wasm_bg.wasm?url';

/** A policy that determined a verdict, with its text from the signed bundle. */
export interface PolicySource {
  readonly id: string;
  readonly layer: string;
  readonly version: number;
  readonly file: string;
  readonly text: string;
}

export interface Pair {
  readonly link: number;
  readonly resource: number;
  readonly verdict: 'allow' | 'deny';
  readonly reasons: readonly string[];
  readonly errors: readonly string[];
}

/** What this browser's Cedar says. */
export interface VerdictHere {
  readonly verdict: 'allow' | 'deny' | 'hold';
  readonly code?: string;
  readonly detail?: string;
  readonly failedLink?: number;
  readonly reasons: readonly string[];
  readonly holds: readonly { readonly group: string; readonly need: number }[];
  readonly pairs: readonly Pair[];
  readonly sources: readonly PolicySource[];
}

/** What a decision counted of one kind of attestation, and what the bundle asks for. */
export interface AttestationHere {
  readonly kind: AttestationKind;
  /** Absent where nothing of the kind is asked for. */
  readonly required?: {
    readonly maxAgeMs: number;
    readonly allow?: readonly string[];
    readonly by?: readonly string[];
  };
  /** The code by which this requirement alone denies. */
  readonly unmet?: string;
  readonly counted?: {
    readonly status: string;
    readonly measured: string;
    readonly ageMs: number;
    readonly by: string;
    readonly place?: { readonly index: number; readonly leaf: string };
  };
}

/** One recorded decision, decided again; `verdict` and so on are absent where its inputs are withheld. */
export interface DecisionAgain extends Partial<VerdictHere> {
  readonly at: number;
  readonly type: 'permit' | 'refusal';
  readonly agreement: { readonly status: string; readonly why: string };
  readonly context?: Json;
  readonly links?: readonly {
    readonly type: string;
    readonly id: string;
    readonly groups: readonly string[];
  }[];
  readonly resources?: readonly { readonly type: string; readonly id: string }[];
  readonly mandates?: number;
  readonly attestation?: readonly AttestationHere[];
}

export interface Judgement {
  readonly report: VerifyReport;
  readonly decisions: readonly DecisionAgain[];
  /** Engine and version that decided here. */
  readonly engine: string;
}

/** What is changed for a counterfactual; what is left out stays as recorded. */
export interface WhatIf {
  readonly args?: { readonly [name: string]: Json };
  readonly approvals?: readonly string[];
  readonly facts?: { readonly [name: string]: boolean | number | string };
  readonly labels?: readonly string[];
}

export type Ask = { readonly id: number } & (
  | { readonly task: 'open'; readonly wasm: WebAssembly.Module }
  | { readonly task: 'judge'; readonly evidence: Uint8Array; readonly trust?: string }
  | { readonly task: 'what-if'; readonly decision: number; readonly change: WhatIf }
  | { readonly task: 'test'; readonly decision: number; readonly name: string }
  | {
      readonly task: 'run-tests';
      readonly bundles: { readonly org?: Json; readonly team: Json };
      readonly files: Readonly<Record<string, Json>>;
    }
);
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

type Task = Ask extends infer T ? (T extends Ask ? Omit<T, 'id'> : never) : never;

interface Judge {
  ask<T>(task: Task): Promise<T>;
  close(): void;
}

/** Opens a worker of its own; a judgement keeps its decisions there, so two pages do not share one. */
export async function openJudge(): Promise<Judge> {
  const worker = new Worker(new URL('./sealed-worker.ts', import.meta.url), { type: 'module' });
  const waiting = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  let next = 0;
  worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
    const one = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error === undefined) one?.resolve(data.value as never);
    else one?.reject(new Error(data.error));
  });
  worker.addEventListener('error', ({ message }) => {
    for (const one of waiting.values()) one.reject(new Error(message || 'The worker could not be started.'));
    waiting.clear();
  });
  const ask = <T>(task: Task): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const id = next++;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ ...task, id } as Ask);
    });
  const wasm = await WebAssembly.compileStreaming(fetch(wasmUrl));
  await ask({ task: 'open', wasm });
  return { ask, close: () => worker.terminate() };
}

/** Verifies a file and decides its decisions again. */
export const judge = (of: Judge, evidence: Uint8Array, trust: string | undefined): Promise<Judgement> =>
  of.ask({ task: 'judge', evidence, ...(trust === undefined ? {} : { trust }) });
/** Decides with something changed. `decision` counts within the judgement made last. */
export const whatIf = (of: Judge, decision: number, change: WhatIf): Promise<VerdictHere> =>
  of.ask({ task: 'what-if', decision, change });
/** A policy test, run here. */
export interface TestResult {
  readonly file: string;
  readonly name: string;
  readonly passed: boolean;
  readonly differences: readonly string[];
}
/** Runs `*.test.json` files against a candidate with the engine that the plane uses; rejects when either is malformed. */
export const runTests = (
  of: Judge,
  bundles: { readonly org?: Json; readonly team: Json },
  files: Readonly<Record<string, Json>>,
): Promise<readonly TestResult[]> => of.ask({ task: 'run-tests', bundles, files });
/** Returns a `*.test.json` that pins the decision. */
export const asTestFile = (of: Judge, decision: number, name: string): Promise<string> =>
  of.ask({ task: 'test', decision, name });
export type { Judge };
