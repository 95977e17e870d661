/** What is told elsewhere, as health and counters show it. */

/** A target, and how it does. */
export interface DeliveryView {
  readonly name: string;
  /** Why nothing is delivered; null: it is. */
  readonly trouble: string | null;
  /** Events that wait. */
  readonly waiting: number;
  /** Since the start: events delivered, and tries that failed. */
  readonly delivered: number;
  readonly failures: number;
}
