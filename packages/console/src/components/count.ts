/** Returns a number with its noun, as in `1 step` and `3 steps`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
