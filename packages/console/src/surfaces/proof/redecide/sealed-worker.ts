/**
 * Decides recorded decisions again, away from the page (RULE 19). Argument schemas of a file are compiled to code here,
 * so this worker has no network and no DOM: its own content security policy forbids the first (the server sends it for
 * this file's name), and nothing but verdicts comes back. Signatures and hashes are checked by the page, not here.
 */
import * as cedar from '@cedar-policy/cedar-wasm/web';
import { createEngine, createRedecide } from '@licet/policy';
import type { Redecide } from '@licet/evidence';

type Decision = Parameters<Redecide>[0];
/** What the page asks: once with Cedar, compiled; then decision by decision. */
export type Ask =
  | { readonly id: number; readonly wasm: WebAssembly.Module }
  | { readonly id: number; readonly decision: Decision };
/** What it is told: the engine's version, a verdict, or why there is none. */
export interface Told {
  readonly id: number;
  readonly engine?: string;
  readonly finding?: Awaited<ReturnType<Redecide>>;
  readonly error?: string;
}

let redecide: Redecide | undefined;

addEventListener('message', ({ data }: MessageEvent<Ask>) => {
  void answer(data).then(
    (told) => postMessage({ id: data.id, ...told } satisfies Told),
    (error: unknown) => postMessage({ id: data.id, error: String(error) } satisfies Told),
  );
});

async function answer(ask: Ask): Promise<Omit<Told, 'id'>> {
  if ('wasm' in ask) {
    cedar.initSync({ module: ask.wasm });
    const engine = createEngine(cedar);
    redecide = createRedecide(engine) as Redecide;
    return { engine: engine.version };
  }
  if (redecide === undefined) throw new Error('Cedar is not loaded');
  return { finding: await redecide(ask.decision) };
}
