// Exact decimals with at most four places, as integers of 1/10000 (RULE 21: never floats).
import { invariant } from '../errors.ts';

const SCALE = 4;

/** Parses `-?digits[.digits]`; throws on anything else, so that no odd text ever counts as zero. */
export function parseDecimal(text: string): bigint {
  const match = /^(-?)(\d{1,18})(?:\.(\d{1,4}))?$/.exec(text);
  invariant(match !== null, `not a decimal: ${JSON.stringify(text).slice(0, 40)}`);
  const magnitude = BigInt(match[2]!) * 10_000n + BigInt((match[3] ?? '').padEnd(SCALE, '0'));
  return match[1] === '-' ? -magnitude : magnitude;
}

/** The shortest text of the value; the inverse of `parseDecimal`. */
export function formatDecimal(value: bigint): string {
  const magnitude = value < 0n ? -value : value;
  const fraction = String(magnitude % 10_000n)
    .padStart(SCALE, '0')
    .replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${magnitude / 10_000n}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Sum of two decimals. */
export const addDecimal = (a: string, b: string): string => formatDecimal(parseDecimal(a) + parseDecimal(b));
/** Difference of two decimals. */
export const subtractDecimal = (a: string, b: string): string =>
  formatDecimal(parseDecimal(a) - parseDecimal(b));
/** Negative, zero or positive like `a − b`. */
export const compareDecimal = (a: string, b: string): number => {
  const difference = parseDecimal(a) - parseDecimal(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
};
