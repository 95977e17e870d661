/** What was received of a sensor, by what became of it. Part of test/oracle, which imports nothing from src/. */

export interface Totals {
  readonly received: number;
  readonly counted: number;
  readonly duplicates: number;
  /** Duplicates with another value than the first: the most that can be recognised (a part of `duplicates`). */
  readonly conflicts: number;
  readonly quarantined: number;
  readonly rejected: number;
  /** Counted readings that came late. */
  readonly late: number;
  /** Boots that a sequence beginning anew has started; a device's first boot is none. */
  readonly implicitBoots: number;
  /** Counted readings by what tells them apart. */
  readonly identities: { readonly explicit: number; readonly sequence: number; readonly offset: number };
}

export const NOTHING = {
  received: 0,
  counted: 0,
  duplicates: 0,
  conflicts: 0,
  quarantined: 0,
  rejected: 0,
  late: 0,
  implicitBoots: 0,
  identities: { explicit: 0, sequence: 0, offset: 0 },
} satisfies Totals;
