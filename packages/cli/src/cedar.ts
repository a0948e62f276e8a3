/** The Cedar engine for this process. Loaded when first needed: it is WebAssembly, and most commands need none. */
import type { Engine } from '@licet/policy';

/** Resolves to a fresh engine. */
export async function cedarEngine(): Promise<Engine> {
  const [cedar, { createEngine }] = await Promise.all([
    import('@cedar-policy/cedar-wasm/nodejs'),
    import('@licet/policy'),
  ]);
  return createEngine(cedar);
}
