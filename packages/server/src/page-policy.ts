// The content security policy of the pages, the same on every listener that serves the build (UI §5).

/** `'wasm-unsafe-eval'` lets Cedar run; no script, style or frame of anyone else, nothing inline. */
const PAGE = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
/**
 * A worker has a policy of its own. The one that decides again compiles argument schemas to code, so it may evaluate,
 * and therefore may not reach the network at all: it is handed what it needs and answers with values.
 */
const SEALED_WORKER = "default-src 'none'; script-src 'self' 'unsafe-eval'";

/** Returns the value of `content-security-policy` for a file of the build, by its name. */
export const pagePolicy = (file: string): string => (file.includes('sealed-worker') ? SEALED_WORKER : PAGE);
