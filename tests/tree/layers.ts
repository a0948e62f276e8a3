// The import table of the design as data: what a workspace may name, whether it is pure, and calls that are
// banned with what to use instead.

export interface Layer {
  /** Workspaces it may import; nothing else of ours. */
  readonly may: readonly string[];
  /** Packages of others that it may import. */
  readonly others: readonly string[];
  /** No Node built-in, no clock, no randomness, no timer. */
  readonly pure: boolean;
}

const NOBLE = ['@noble/hashes', '@noble/curves', '@noble/post-quantum'] as const;
/** What the pages are made with; only the console draws. */
const CONSOLE = [
  'react',
  'react-dom',
  '@tanstack/react-query',
  '@tanstack/react-router',
  '@tanstack/react-virtual',
  '@codemirror/commands',
  '@codemirror/language',
  '@codemirror/lint',
  '@codemirror/state',
  '@codemirror/view',
  '@lezer/highlight',
  '@fontsource/ibm-plex-mono',
  '@fontsource/ibm-plex-sans',
  '@cedar-policy/cedar-wasm',
  'uplot',
] as const;
const DOMAIN = ['evidence', 'policy', 'log', 'control-plane', 'store'] as const;

/** One way, no circles. Changing a row is a decision: it needs an ADR. */
export const LAYERS: Readonly<Record<string, Layer>> = {
  evidence: { may: [], others: NOBLE, pure: true },
  policy: { may: ['evidence'], others: ['ajv', '@cedar-policy/cedar-wasm'], pure: true },
  log: { may: ['evidence'], others: [], pure: true },
  'control-plane': { may: ['evidence', 'policy', 'log'], others: [], pure: true },
  store: { may: ['evidence', 'log', 'control-plane'], others: ['pg'], pure: false },
  api: { may: ['evidence'], others: ['typebox', 'jose', 'eventsource-parser'], pure: false },
  server: {
    may: [...DOMAIN, 'api'],
    others: [
      'fastify',
      '@fastify/swagger',
      'jose',
      'openid-client',
      'prom-client',
      '@cedar-policy/cedar-wasm',
      '@sigstore/bundle',
      '@sigstore/protobuf-specs',
      '@sigstore/verify',
      '@simplewebauthn/server',
    ],
    pure: false,
  },
  sdk: { may: ['evidence', 'api'], others: [], pure: false },
  gateway: { may: ['sdk', 'evidence', 'api'], others: [], pure: false },
  cli: {
    may: [...DOMAIN, 'api', 'server', 'sdk', 'gateway'],
    // The demo is an agent: it drives a real tool server with the official client.
    others: [
      'commander',
      'diff',
      '@cedar-policy/cedar-wasm',
      '@modelcontextprotocol/client',
      '@modelcontextprotocol/sdk',
      '@modelcontextprotocol/server-filesystem',
    ],
    pure: false,
  },
  console: { may: ['evidence', 'policy', 'api'], others: CONSOLE, pure: false },
  simulator: { may: DOMAIN, others: ['@cedar-policy/cedar-wasm'], pure: false },
};

/** Files of pure packages that may name Node built-ins: subpath exports for one runtime. */
export const NODE_FILES: readonly string[] = ['packages/evidence/src/node.ts'];

export interface Ban {
  readonly what: string;
  readonly pattern: RegExp;
  readonly instead: string;
  /** True: banned only where DESIGN asks for purity. */
  readonly pureOnly?: boolean;
  /** Workspaces where it is in order. */
  readonly fine?: readonly string[];
  /** Files where it is in order, with the reason. A row that is no longer needed fails. */
  readonly except?: Readonly<Record<string, string>>;
}

/** Matched against code without comments and strings. */
export const BANS: readonly Ban[] = [
  {
    what: 'Date.now, new Date()',
    pattern: /\bDate\.now\b|\bnew Date\(\s*\)/g,
    instead: 'the Clock port',
    fine: ['cli'],
    except: {
      'packages/api/src/http-client.ts': 'makes the clock of the client when none is passed',
      'packages/console/src/data/clock.ts': 'is the clock of the pages',
      'packages/sdk/src/clock.ts': 'is the clock port',
      'packages/sdk/src/lock-file.ts':
        'compares the age of a lock file, which another process wrote by the system clock',
      'packages/server/src/clock.ts': 'is the clock port',
      'packages/store/src/sqlite.ts': 'sweeps sessions on the reading side',
      'packages/store/src/sqlite-writer.ts': 'makes the clock port inside the worker',
    },
  },
  {
    what: 'Math.random',
    pattern: /\bMath\.random\b/g,
    instead: 'the Random port, or randomBytes where a port is made',
  },
  {
    what: 'crypto.randomUUID',
    pattern: /\brandomUUID\b/g,
    instead: 'uuidv7 of control-plane with the Random port',
  },
  {
    what: 'a timer',
    pattern: /\b(?:setTimeout|setInterval|setImmediate)\b/g,
    instead: 'the Timer port, or `due` of the store',
    pureOnly: true,
  },
  {
    what: 'performance.now',
    pattern: /\bperformance\.now\b/g,
    instead: 'the Clock port',
    pureOnly: true,
  },
  {
    what: 'process',
    pattern: /\bprocess\.(?!versions\b)[a-z]/g,
    instead: 'an option passed by the shell',
    pureOnly: true,
  },
  {
    what: 'console',
    pattern: /\bconsole\.[a-z]/g,
    instead: 'the logger of the shell, or the value that says it',
    fine: ['cli', 'simulator'],
  },
  {
    what: 'a default export',
    pattern: /\bexport\s+default\b|\bas\s+default\b/g,
    instead: 'a named export',
  },
  {
    what: '`any`',
    pattern: /[:<|,&(]\s*any\b(?!\s*[(:=.])|\bas\s+any\b/g,
    instead: '`unknown` and a parser',
  },
  { what: 'an enum', pattern: /^\s*(?:export\s+)?(?:const\s+)?enum\s/gm, instead: 'a union of literals' },
  { what: 'a namespace', pattern: /^\s*(?:export\s+)?namespace\s/gm, instead: 'a file' },
  {
    what: 'child_process.exec, shell: true',
    pattern: /\bexecSync\b|\bshell:\s*true\b/g,
    instead: 'spawn with an argument list',
  },
  { what: 'eval', pattern: /\beval\(|\bnew Function\(/g, instead: 'code' },
  { what: '@ts-ignore', pattern: /@ts-ignore|@ts-nocheck/g, instead: 'a type that fits' },
];
