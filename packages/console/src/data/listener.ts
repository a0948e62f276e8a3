/** Which listener served this page (RULE 42): the same build behaves as operator console or as public page. */

/** `public`: redacted, GET only. */
export type Listener = 'control' | 'public';

/** The listener, as it wrote itself into the page. Anything unclear is `public`: the one that can do less. */
export const listener: Listener =
  document.querySelector('meta[name="licet-listener"]')?.getAttribute('content') === 'control'
    ? 'control'
    : 'public';

/** Path below which this plane is served, as `/t/<tenant>`; empty when it has the address alone. */
export const base: string = document.querySelector('meta[name="licet-base"]')?.getAttribute('content') ?? '';

export const isPublic = listener === 'public';

/** Why a control is disabled on the public listener; shown beside it, never hidden. */
export const PUBLIC_REASON = 'This is the public, redacted view. It can read and verify; it cannot act.';
