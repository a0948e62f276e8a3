/** Public permalinks: one entry or one checkpoint of this plane's log, checked here against your own trust. */
import { useParams } from '@tanstack/react-router';
import { useQuery } from '@tanstack/react-query';
import { base64url } from '@licet/evidence';
import { Hash } from '../../components/hash.tsx';
import { Facts, Page, Panel } from '../../components/panel.tsx';
import { Empty, Failed, Loading, Note } from '../../components/states.tsx';
import { Ticks } from '../../components/ticks.tsx';
import { Untrusted } from '../../components/untrusted.tsx';
import { readEntryAt } from '../../data/entry.ts';
import { useHead, useLeaf } from '../../data/proof-state.ts';
import { TrustBox } from '../../frame/trust-box.tsx';
import css from './proof.module.css';

const verifier = () => import('../../data/verify.ts');

/** `/proof/entry/<index>` or `/proof/entry/<index>@<size>`. */
export function EntryProofPage() {
  const { ref = '' } = useParams({ strict: false });
  const match = /^(0|[1-9][0-9]{0,15})(?:@([1-9][0-9]{0,15}))?$/.exec(ref);
  const index = Number(match?.[1]);
  const { data: head } = useHead();
  const size = head?.head?.size;
  const leaf = useQuery({
    queryKey: ['leaf-at', index, size],
    queryFn: async () => base64url(await (await verifier()).leafAt(index, size!)),
    enabled: match !== null && size !== undefined && index < size,
    staleTime: Infinity,
    retry: false,
  });
  const place = leaf.data === undefined ? undefined : { index, leaf: leaf.data };
  const { data: checked } = useLeaf(place);
  const text = useQuery({
    queryKey: ['entry-text', index, leaf.data],
    queryFn: () => readEntryAt(place!),
    enabled: place !== undefined,
    staleTime: Infinity,
    retry: false,
  });
  if (match === null)
    return (
      <Page title="Entry">
        <Empty title="This address names no entry.">Write /proof/entry/12.</Empty>
      </Page>
    );
  if (size === undefined)
    return (
      <Page title={`Entry ${index}`}>
        <Loading what="the checkpoint" />
      </Page>
    );
  if (index >= size)
    return (
      <Page title={`Entry ${index}`}>
        <Empty title={`The log has ${size} entries; there is no entry ${index} yet.`} />
      </Page>
    );
  return (
    <Page
      title={`Entry ${index}`}
      lead="Its inclusion is computed here from hash tiles, under the newest checkpoint."
    >
      {leaf.error !== null && <Failed error={leaf.error} what="the hash of this entry" />}
      <div className={css['start']}>
        <div className={css['centre']}>
          <Panel title="Proof" aside={<Ticks state={checked?.state ?? 'claimed'} />}>
            <Facts
              items={[
                ['Leaf', leaf.data === undefined ? '…' : <Hash value={leaf.data} full />],
                ['Tree', `size ${size}`],
                ['Found', checked?.why ?? 'Checking …'],
                checked !== undefined && [
                  'Path',
                  <span className="mono" key="path">
                    {checked.path.length === 0
                      ? 'none needed'
                      : checked.path.map((hash) => (
                          <span className={css['key']} key={hash}>
                            {hash}
                          </span>
                        ))}
                  </span>,
                ],
              ]}
            />
          </Panel>
          <Panel title="Entry">
            {text.data !== undefined ? (
              <>
                {!text.data.matches && <Note tone="deny">This text does not hash to the leaf.</Note>}
                <Untrusted block>{text.data.text}</Untrusted>
              </>
            ) : (
              <p className="muted">
                Its text is not shown to everybody: entries name people by opaque ids, and only auditors, or
                everybody where the log is public, read them.
              </p>
            )}
          </Panel>
        </div>
        <TrustBox />
      </div>
    </Page>
  );
}

/** `/proof/checkpoint/<size>`. */
export function CheckpointProofPage() {
  const { size: text = '' } = useParams({ strict: false });
  const size = /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : undefined;
  const { data } = useHead();
  const newest = data?.head?.size;
  const root = useQuery({
    queryKey: ['root-at', size, newest],
    queryFn: async () => (await verifier()).rootAt(size!, data!.head!),
    enabled: size !== undefined && newest !== undefined && size <= newest,
    staleTime: Infinity,
    retry: false,
  });
  if (size === undefined)
    return (
      <Page title="Checkpoint">
        <Empty title="This address names no size of a log." />
      </Page>
    );
  if (data === undefined)
    return (
      <Page title={`Checkpoint of size ${size}`}>
        <Loading what="the checkpoint" />
      </Page>
    );
  const { checked } = data;
  return (
    <Page
      title={`Checkpoint of size ${size}`}
      lead="The signature is checked here; consistency is computed here from hash tiles."
    >
      {newest !== undefined && size > newest && <Note tone="hold">The log has {newest} entries so far.</Note>}
      {root.error !== null && <Failed error={root.error} what="the tree of that size" />}
      <div className={css['start']}>
        <div className={css['centre']}>
          {size !== newest && (
            <Panel title={`Tree of size ${size}`}>
              <Facts
                items={[
                  ['Root', root.data === undefined ? '…' : <Hash value={root.data.root} full key="root" />],
                  [
                    'Continued by',
                    root.data === undefined
                      ? '…'
                      : root.data.consistent
                        ? `the tree of size ${newest}: consistency proof verified here`
                        : 'NOT continued by the newest tree',
                  ],
                ]}
              />
            </Panel>
          )}
          <Panel title={`Newest checkpoint, size ${newest ?? '…'}`} aside={<Ticks state={checked.state} />}>
            <Facts
              items={[
                ['Log', checked.origin ?? '…'],
                ['Root', checked.root === undefined ? '…' : <Hash value={checked.root} full key="root" />],
                ['Found', checked.why],
                checked.signers !== undefined && [
                  'Signed by',
                  <span className="mono" key="keys">
                    {checked.signers.join(', ')}
                  </span>,
                ],
              ]}
            />
            {checked.note !== undefined && (
              <div className={css['bytes']} tabIndex={0} role="group" aria-label="The signed note">
                <Untrusted block>{checked.note}</Untrusted>
              </div>
            )}
          </Panel>
        </div>
        <TrustBox />
      </div>
    </Page>
  );
}
