/** The proof drawer is part of the address: `?proof=<index>.<leaf>`. */
import { useNavigate } from '@tanstack/react-router';
import type { LogPlace } from '../data/proof-state.ts';

const PLACE = /^(0|[1-9][0-9]{0,15})\.([A-Za-z0-9_-]{43})$/;

/** Returns the place that a `proof` parameter names. */
export function parsePlace(value: string | undefined): LogPlace | undefined {
  const match = value === undefined ? null : PLACE.exec(value);
  return match === null ? undefined : { index: Number(match[1]), leaf: match[2]! };
}

export const formatPlace = ({ index, leaf }: LogPlace): string => `${index}.${leaf}`;

/** Returns how to open the drawer at a place, or to close it with `undefined`. */
export function useOpenProof(): (place: LogPlace | undefined) => void {
  const navigate = useNavigate();
  return (place) =>
    void navigate({
      to: '.',
      search: ((old: Readonly<Record<string, unknown>>) => ({
        ...old,
        proof: place === undefined ? undefined : formatPlace(place),
      })) as never,
      replace: place === undefined,
    });
}
