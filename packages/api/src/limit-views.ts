// Facts that operators state, and the counters of limits.

/** Operators' facts: those in force, each with its entry, and those that can be stated. */
export interface FactsView {
  readonly items: readonly {
    readonly name: string;
    readonly value: boolean | number | string;
    /** Milliseconds since the Unix epoch. */
    readonly exp: number;
    readonly leaf: string;
    readonly index: number;
  }[];
  readonly declared: readonly {
    readonly name: string;
    /** `boolean`, `integer`, `decimal`, or `enum` of `values`. */
    readonly type: string;
    readonly values?: readonly string[];
  }[];
}

/** One counter of a limit. Amounts are exact decimals. */
export interface LimitView {
  readonly name: string;
  readonly kind: string;
  readonly per: string;
  readonly whom: string;
  readonly max: string;
  readonly currency?: string;
  readonly reserved: string;
  readonly spent: string;
  readonly left: string;
  /** Milliseconds since the Unix epoch. */
  readonly resetsAtMs?: number;
}
