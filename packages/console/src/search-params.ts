/** Parameters of an address: what is no text of a sensible length is left out, never guessed. */

/** Returns the named parameters that are short texts or numbers, as texts. */
export function text<N extends string>(
  search: Readonly<Record<string, unknown>>,
  names: readonly N[],
): { readonly [name in N]?: string } {
  const found: { [name in N]?: string } = {};
  for (const name of names) {
    const value = search[name];
    if (typeof value === 'string' && value !== '' && value.length <= 256) found[name] = value;
    else if (typeof value === 'number' && Number.isFinite(value)) found[name] = String(value);
  }
  return found;
}
