// The face of @licet/server.
export { openPlane, type Credential, type OpenedPlane, type OpenPlaneOptions } from './open-plane.ts';
export { isPage } from './page-addresses.ts';
export { pagePolicy } from './page-policy.ts';
export { SOCKET_FILE, type ListenOptions } from './listeners.ts';
export {
  openTenants,
  tenantFolder,
  tenantsOf,
  type Tenant,
  type Tenants,
  type TenantsOptions,
} from './tenants.ts';
export {
  CONTROL_PORT,
  continueFrom,
  DEFAULT_AGENT,
  DEFAULT_DOOR,
  initDataFolder,
  isPlaneFolder,
  OPERATOR,
  OWNER,
  readPlaneFolder,
  trustOf,
  type InitOptions,
  type InitResult,
  type PlaneFile,
  type PlaneFolder,
} from './data-folder.ts';
export {
  pinTrust,
  readAgentKey,
  readSeed,
  statePaths,
  writeAgentKey,
  type StatePaths,
} from './state-folder.ts';
export {
  nextAuthor,
  ownAuthor,
  readAuthor,
  signAuthorChange,
  signBundle,
  takeNextAuthor,
  type Author,
  type SignedAuthorChange,
} from './author.ts';
export {
  addOrganisationKey,
  dropOrganisationKey,
  idOf,
  initOrganisation,
  orgVkey,
  readOrganisation,
  readOrganisationFile,
  signOrgBundle,
  signOrgKeyChange,
  type OrganisationFolder,
} from './organisation.ts';
export { requireRelyingParty } from './passkeys.ts';
export { hostResolver, pathObjection } from './resolver.ts';
export { workerEvaluator, type WorkerEvaluator, type WorkerEvaluatorOptions } from './evaluator.ts';
export { STOP_FILE } from './emergency.ts';
export { readProvenance, writeProvenance } from './provenance/settings.ts';
export { npmPackage, packageDigest } from './provenance/verifier.ts';
export { SERVER_ERRORS, ServerError, type ServerErrorCode } from './errors.ts';
