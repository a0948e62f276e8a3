/** The errors of this package: one class, a closed union of codes, one table. What callers get are `PlaneError`s. */

/** Every code this package throws, with its meaning and the reader's next step. */
export const SERVER_ERRORS = {
  ERR_SERVER_DATA: {
    meaning: 'The data folder is not one that this version made, or files in it are missing or changed.',
    next: 'Name the folder that `licet init` made, or make a new one.',
  },
  ERR_SERVER_EXISTS: {
    meaning: 'The data folder holds a plane already.',
    next: 'Open it, or name another folder.',
  },
  ERR_SERVER_STATE: {
    meaning: 'The state folder lies under the data folder, or cannot be used.',
    next: 'Set LICET_STATE to a folder of this user outside the data folder.',
  },
  ERR_SERVER_LISTEN: {
    meaning: 'An address cannot be listened on.',
    next: 'Choose a free port; beyond loopback give certificate and key.',
  },
  ERR_SERVER_TLS: {
    meaning: 'The control listener was asked to listen beyond loopback without TLS.',
    next: 'Give certificate and key, or listen on 127.0.0.1.',
  },
  ERR_SERVER_RP: {
    meaning:
      'Browsers would refuse passkeys there: the name does not cover the origin, is an address, or has no TLS.',
    next: 'Name a DNS name with its https origin, or localhost with its port.',
  },
  ERR_SERVER_ORG: {
    meaning: 'The organisation is not known here, or none of its keys here counts.',
    next: 'Make one with `licet org init ID`, or use the state folder of whoever speaks for it.',
  },
  ERR_SERVER_STORE: {
    meaning:
      'The plane of this folder is kept elsewhere than was asked for, or its log is not where it should be.',
    next: 'Name the database that keeps it; `licet store copy` moves a plane, under a new origin.',
  },
  ERR_SERVER_PROVENANCE: {
    meaning: 'The provenance settings are not of their form, or their trusted root could verify nothing.',
    next: 'Put them right as docs/ATTESTATION.md shows them; those in force were not touched.',
  },
  ERR_SERVER_TENANT: {
    meaning:
      'The name of a tenant is not 1 to 63 of a-z, 0-9 and inner hyphens, or the folder holds no tenant.',
    next: 'Make one with `licet tenants add NAME`.',
  },
} as const satisfies Readonly<Record<string, { readonly meaning: string; readonly next: string }>>;

export type ServerErrorCode = keyof typeof SERVER_ERRORS;

/** What this package throws at start and stop. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
  readonly code: ServerErrorCode;
  constructor(code: ServerErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(`${code}: ${message}`, options);
    this.code = code;
  }
}
