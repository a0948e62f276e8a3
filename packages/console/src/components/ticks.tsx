/** The proof axis: three ticks for logged, witnessed, anchored, as far as this browser has checked. No verdict colour. */
import { useLeaf, type LogPlace, type ProofState } from '../data/proof-state.ts';
import { useOpenProof } from '../frame/proof-link.ts';
import css from './ticks.module.css';

const REACHED: Readonly<Record<ProofState, number>> = {
  claimed: 0,
  logged: 1,
  witnessed: 2,
  anchored: 3,
  failed: 0,
};

/** Ticks of a state that is known already. */
export function Ticks({
  state,
  redecided = false,
}: {
  readonly state: ProofState;
  readonly redecided?: boolean;
}) {
  const label =
    state === 'failed' ? 'proof failed' : `proof: ${state}${redecided ? ', re-decided here' : ''}`;
  return (
    <span className={css['ticks']} data-state={state} role="img" aria-label={label} title={label}>
      <svg viewBox="0 0 30 12" width="30" height="12" aria-hidden="true">
        {state === 'failed' ? (
          <path d="M2 2l8 8M10 2l-8 8" stroke="currentColor" strokeWidth="2" fill="none" />
        ) : (
          [0, 1, 2].map((at) => (
            <path
              key={at}
              d={`M${1.5 + at * 10} 6.5l2.5 3 4-7`}
              className={at < REACHED[state] ? css['done'] : css['open']}
              fill="none"
              strokeWidth="1.6"
            />
          ))
        )}
      </svg>
      {redecided && (
        <span className={css['again']} aria-hidden="true">
          =
        </span>
      )}
    </span>
  );
}

/** Ticks of a place in the log, checked when shown; a press opens the proof drawer. */
export function LeafTicks({ place }: { readonly place: LogPlace }) {
  const { data } = useLeaf(place);
  const open = useOpenProof();
  const state = data?.state ?? 'claimed';
  return (
    <button
      type="button"
      className={css['button']}
      onClick={() => open(place)}
      aria-label={`Proof of entry ${place.index}: ${state}`}
    >
      <Ticks state={state} />
    </button>
  );
}
