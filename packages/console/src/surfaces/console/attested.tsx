/**
 * What was attested of whoever acts: what the bundle asks for and the decision counted, what was measured since, and of
 * an identity the newest of each kind (docs/ATTESTATION.md). The words are those of EAR.
 */
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { AttestationKind, AttestationView, ExecutionView } from '@licet/api';
import { Hash } from '../../components/hash.tsx';
import { Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading, Note } from '../../components/states.tsx';
import { LeafTicks } from '../../components/ticks.tsx';
import { spanText, Time, useNow } from '../../components/time.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import type { AttestationHere } from '../../data/decide.ts';
import { attestationsQuery } from '../../data/queries.ts';
import type { Judged } from './again.tsx';
import css from './console.module.css';

const WHOSE: Readonly<Record<string, string>> = {
  self: 'the agent’s own key',
  door: 'a registered door',
  verifier: 'a registered verifier',
};
/** Kinds that are measured of the very thing a call uses. */
const BOUND: readonly AttestationKind[] = ['executable', 'tool_manifest'];
const MISSING: Readonly<Record<AttestationKind, string>> = {
  executable: 'Run it through licet exec, which measures the program and attests it.',
  tool_manifest: 'Call it through licet mcp, which attests the definition of the tool.',
  container:
    'A registered verifier has to sign the digest of the image: licet attest challenge, sign, submit.',
  workload_token: 'A token of a registered issuer has to be presented: licet attest submit.',
  npm_provenance: 'The sigstore bundle of the package has to be presented: licet attest submit.',
};

/** Of one execution; nothing where nothing was asked for, counted or measured. */
export function Attestations({
  of: { executionId, code, outcome, start },
  judged,
}: {
  readonly of: ExecutionView;
  readonly judged: Judged;
}) {
  const { data: since = [], error } = useQuery({
    ...attestationsQuery(executionId),
    enabled: start !== undefined,
  });
  const decision = judged.state === 'ready' ? judged.judgement.decisions[judged.at] : undefined;
  const here = decision?.attestation ?? [];
  const said = [code, outcome?.reason].find((one) => one?.startsWith('attestation_') === true);
  if (here.length === 0 && since.length === 0 && said === undefined && error === null) return null;
  return (
    <Panel title="Attestation" flush>
      {here.length > 0 && (
        <ul className={css['list']} aria-label="Asked for and counted">
          {here.map((one, at) => (
            <Counted key={at} of={one} />
          ))}
        </ul>
      )}
      {said !== undefined && !here.some(({ unmet }) => unmet === said) && since.length === 0 && (
        <div className={css['within']}>
          <Note tone="deny">
            <code>{said}</code>: which kind it was is in the evidence
            {judged.state === 'withheld' ? ', which your roles do not open' : ''}.
          </Note>
        </div>
      )}
      {error !== null && <Failed error={error} what="what was measured since" />}
      {since.length > 0 && (
        <>
          <h3 className={css['date']}>Measured while it ran</h3>
          <ul className={css['list']} aria-label="Measured while it ran">
            {since.map((one) => (
              <Found key={one.leaf} of={one} />
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

function Counted({ of: { kind, required, unmet, counted } }: { readonly of: AttestationHere }) {
  return (
    <li>
      <div className={css['spread']}>
        <span>
          <strong>{kind}</strong> {counted === undefined ? 'none' : <Status status={counted.status} />}
        </span>
        {counted?.place !== undefined && <LeafTicks place={counted.place} />}
      </div>
      {counted !== undefined && (
        <div className={css['small']}>
          measured <Hash value={counted.measured} label="measured digest" /> · {spanText(counted.ageMs)} old
          when decided · by the word of {WHOSE[counted.by] ?? counted.by}
        </div>
      )}
      <div className={css['small']}>
        {required === undefined ? 'not asked for' : askedText(kind, required)}
      </div>
      {unmet !== undefined && (
        <Note tone="deny">
          <code>{unmet}</code>: {whatToDo(kind, unmet, counted !== undefined)}
        </Note>
      )}
    </li>
  );
}

function askedText(
  kind: AttestationKind,
  { maxAgeMs, allow, by }: NonNullable<AttestationHere['required']>,
): string {
  const digests =
    allow === undefined
      ? BOUND.includes(kind)
        ? 'what its door binds'
        : 'any digest'
      : allow.length === 1
        ? '1 digest'
        : `${allow.length} digests`;
  const whose = by === undefined ? '' : `, by the word of ${by.map((one) => WHOSE[one] ?? one).join(' or ')}`;
  return `asked for: no older than ${spanText(maxAgeMs)}, accepts ${digests}${whose}`;
}

function whatToDo(kind: AttestationKind, unmet: string, found: boolean): string {
  if (unmet === 'attestation_stale') return 'It was too old to count. Attest it again, then ask again.';
  if (unmet === 'attestation_contraindicated')
    return 'What was measured is not what may run here. Put back what was reviewed, or publish a bundle that accepts the new digest.';
  return `${found ? 'What there is does not count.' : 'Nobody attested it.'} ${MISSING[kind]}`;
}

/** Of one identity: the newest of each kind. */
export function NewestAttestations({ of }: { readonly of: string }) {
  const { data, error, isPending, refetch } = useQuery(attestationsQuery(of));
  const newest = new Map<string, AttestationView>();
  for (const one of data ?? [])
    if ((newest.get(one.kind)?.index ?? -1) < one.index) newest.set(one.kind, one);
  return (
    <Panel title="Attestation" flush>
      {isPending ? (
        <Loading what="attestations" rows={2} />
      ) : error !== null ? (
        <Failed error={error} what="attestations" retry={() => void refetch()} />
      ) : newest.size === 0 ? (
        <Empty title="Nothing was attested.">
          <code>licet exec</code> and <code>licet mcp</code> attest what they run where the bundle asks for
          it.
        </Empty>
      ) : (
        <ul className={css['list']}>
          {[...newest.values()].map((one) => (
            <Found key={one.leaf} of={one} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Found({ of }: { readonly of: AttestationView }) {
  const now = useNow();
  return (
    <li>
      <div className={css['spread']}>
        <span>
          <strong>{of.kind}</strong> <Status status={of.status} />
        </span>
        <LeafTicks place={of} />
      </div>
      <div className={css['small']}>
        measured <Hash value={of.measured} label="measured digest" /> · <Time ms={of.sinceMs} /> ·{' '}
        {now < of.expires ? 'counts no later than' : 'run out'} <Time ms={of.expires} />
      </div>
      <div className={css['small']}>
        by the word of {WHOSE[of.by] ?? of.by},{' '}
        <Link to="/agents/$id" params={{ id: of.attester }}>
          <Untrusted>{of.attester}</Untrusted>
        </Link>
      </div>
    </li>
  );
}

/** A word, not a colour: colours are of verdicts, and this is none. */
const Status = ({ status }: { readonly status: string }) =>
  status === 'contraindicated' ? <strong>{status}</strong> : <span>{status}</span>;
