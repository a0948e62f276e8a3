/**
 * A run as W3C PROV-JSON (https://www.w3.org/submissions/prov-json/): executions are activities, principals are agents,
 * log entries and resources are entities. Every entity of ours carries index and leaf, so that each statement can be
 * checked in the log. Pure.
 */
import type { Lineage, LineageNode, ProofRef } from '@licet/evidence';

type Attributes = Readonly<
  Record<string, string | number | readonly string[] | { readonly $: string; readonly type: string }>
>;
type Section = Record<string, Attributes>;

/** A PROV-JSON document. */
export interface ProvDocument {
  readonly prefix: Readonly<Record<string, string>>;
  readonly entity: Section;
  readonly activity: Section;
  readonly agent: Section;
  readonly used: Section;
  readonly wasGeneratedBy: Section;
  readonly wasInformedBy: Section;
  readonly wasAssociatedWith: Section;
  readonly actedOnBehalfOf: Section;
}

const moment = (ms: number): string => new Date(ms).toISOString();

/** Returns the run as PROV-JSON; `origin` names the log whose indexes are meant. */
export function provOf(lineage: Lineage, origin: string): ProvDocument {
  const document: ProvDocument = {
    prefix: {
      licet: 'https://licet.local/ns/prov#',
      log: `https://${origin}/entry/`,
      exec: 'urn:uuid:',
      who: 'urn:licet:principal:',
      res: 'urn:licet:resource:',
    },
    entity: {},
    activity: {},
    agent: {},
    used: {},
    wasGeneratedBy: {},
    wasInformedBy: {},
    wasAssociatedWith: {},
    actedOnBehalfOf: {},
  };
  for (const node of lineage.nodes) add(document, node);
  for (const [at, { kind, from, to }] of lineage.edges.entries())
    document.wasInformedBy[`_:informed${at}`] = {
      'prov:informed': `exec:${to}`,
      'prov:informant': `exec:${from}`,
      'licet:edge': kind,
    };
  return document;
}

function add(document: ProvDocument, node: LineageNode): void {
  const activity = `exec:${node.exec}`;
  document.activity[activity] = {
    'prov:startTime': moment(node.atMs),
    ...(node.endMs === undefined ? {} : { 'prov:endTime': moment(node.endMs) }),
    ...(node.action === undefined ? {} : { 'licet:action': node.action }),
    'licet:verdict': node.verdict ?? 'unknown',
    ...(node.code === undefined ? {} : { 'licet:code': node.code }),
    ...(node.outcome === undefined ? {} : { 'licet:outcome': node.outcome.status }),
    ...(node.gaps.length === 0 ? {} : { 'licet:gap': node.gaps }),
  };
  const entry = (type: string, { index, leaf }: ProofRef): string => {
    const id = `log:${index}`;
    document.entity[id] = {
      'prov:type': { $: `licet:${type}`, type: 'prov:QUALIFIED_NAME' },
      'licet:index': index,
      'licet:leaf': leaf,
    };
    return id;
  };
  const use = (entity: string): void => {
    document.used[`_:used-${node.exec}-${entity}`] = { 'prov:activity': activity, 'prov:entity': entity };
  };
  const make = (entity: string): void => {
    document.wasGeneratedBy[`_:made-${node.exec}-${entity}`] = {
      'prov:entity': entity,
      'prov:activity': activity,
    };
  };
  if (node.permit !== undefined) use(entry('permit', node.permit));
  for (const refusal of node.refusals) make(entry('refusal', refusal));
  for (const approval of node.approvals) use(entry('approval', approval));
  if (node.start !== undefined) make(entry('start', node.start));
  if (node.outcome !== undefined) make(entry('outcome', node.outcome));
  for (const { type, id } of Object.values(node.resources ?? {})) {
    const entity = `res:${encodeURIComponent(`${type}::${id}`)}`;
    document.entity[entity] = {
      'prov:type': { $: `licet:${type}`, type: 'prov:QUALIFIED_NAME' },
      'prov:value': id,
    };
    use(entity);
  }
  for (const [at, link] of node.chain.entries()) {
    const who = `who:${encodeURIComponent(link.id)}`;
    const person = at === 0 && node.chain.length > 1;
    document.agent[who] = {
      'prov:type': { $: person ? 'prov:Person' : 'prov:SoftwareAgent', type: 'prov:QUALIFIED_NAME' },
      'licet:identity': link.identity,
    };
    const above = node.chain[at - 1];
    if (above !== undefined)
      document.actedOnBehalfOf[`_:for-${link.id}-${above.id}`] = {
        'prov:delegate': who,
        'prov:responsible': `who:${encodeURIComponent(above.id)}`,
      };
  }
  const actor = node.chain.at(-1);
  if (actor !== undefined)
    document.wasAssociatedWith[`_:by-${node.exec}`] = {
      'prov:activity': activity,
      'prov:agent': `who:${encodeURIComponent(actor.id)}`,
    };
}
