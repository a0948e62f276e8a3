/** Settings of issuers to start from, one for each profile. */
import type { IssuerSettings } from '@licet/api';

const audience = 'https://plane.example.com';
const root = { perDay: 1_000, concurrent: 16 };
const agent = { groups: ['assistants'], for: 'u-owner', root };

export const EXAMPLES = {
  github: {
    v: 1,
    issuer: 'https://token.actions.githubusercontent.com',
    audience,
    profile: 'github',
    jwks: { uri: 'https://token.actions.githubusercontent.com/.well-known/jwks' },
    algorithms: ['RS256'],
    agents: [
      {
        when: { repository: ['acme/app'], ref: ['refs/heads/main'] },
        named: ['repository', 'workflow'],
        ...agent,
      },
    ],
  },
  kubernetes: {
    v: 1,
    issuer: 'https://kubernetes.default.svc.cluster.local',
    audience,
    profile: 'kubernetes',
    jwks: { uri: 'https://kubernetes.default.svc.cluster.local/openid/v1/jwks' },
    algorithms: ['RS256', 'ES256'],
    agents: [
      {
        when: { '/kubernetes.io/namespace': ['agents'], '/kubernetes.io/serviceaccount/name': ['writer'] },
        ...agent,
      },
    ],
  },
  spiffe: {
    v: 1,
    issuer: 'spiffe://example.org',
    audience,
    profile: 'spiffe',
    jwks: { uri: 'https://spire.example.org/keys' },
    algorithms: ['ES256', 'RS256'],
    agents: [{ when: { sub: ['spiffe://example.org/ns/agents/*'] }, ...agent }],
  },
  oidc: {
    v: 1,
    issuer: 'https://login.example.com',
    audience,
    profile: 'oidc',
    jwks: { uri: 'https://login.example.com/keys' },
    algorithms: ['RS256', 'ES256'],
    people: [
      { when: { groups: ['licet-viewers'] }, roles: ['viewer'] },
      {
        when: { groups: ['licet-operators'] },
        roles: ['viewer', 'approver', 'operator'],
        groups: ['operators'],
      },
    ],
    signIn: {
      clientId: 'licet',
      authorizationEndpoint: 'https://login.example.com/authorize',
      tokenEndpoint: 'https://login.example.com/token',
      scope: 'openid profile groups',
    },
  },
  generic: {
    v: 1,
    issuer: 'https://tokens.example.com',
    audience,
    profile: 'generic',
    jwks: { uri: 'https://tokens.example.com/keys' },
    algorithms: ['ES256'],
    agents: [{ when: { client_id: ['report-writer'] }, named: ['client_id'], ...agent }],
  },
} satisfies Record<IssuerSettings['profile'], IssuerSettings>;
