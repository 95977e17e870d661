/** Corrections: what people change of the past, who, when and why. Each is remembered for ever, and can be undone. */
import type { Window } from "../core/window.ts";
import type { Aggregate } from "../metrics/aggregate.ts";

/** Who says so, and why: as the client gives it. */
export interface Said {
  readonly by: string;
  readonly reason: string;
}

/** Which readings are asked to be deleted: counted ones of these seconds, of the sensor or of one device of it. */
export interface DeletionAsked {
  readonly sensor: string;
  readonly device: string | null;
  readonly window: Window;
}

/** A correction as it is listed. */
export interface Correction extends Said {
  /** From 1 on, in the order in which they were made. */
  readonly number: number;
  readonly kind: "delete" | "rename";
  /** Its name when it was made. */
  readonly sensor: string;
  /** Its new name; null: of a deletion. */
  readonly to: string | null;
  readonly device: string | null;
  /** Of a deletion: no second is before what the history was kept from. */
  readonly window: Window | null;
  /** ms. */
  readonly at: number;
  readonly undone: { readonly at: number; readonly by: string } | null;
  /** Readings that it holds back from the history at the time: an undo brings them back. */
  readonly readings: number;
}

/** What a deletion would do. */
export interface Preview {
  /** Readings that it would take, and in how many seconds they are. */
  readonly readings: number;
  readonly seconds: number;
  /** Event times of the first and the last of them, ms; null: there are none. */
  readonly firstTime: number | null;
  readonly lastTime: number | null;
  /** The sensor's whole history as it is, and as it would be: without values. */
  readonly before: Aggregate;
  readonly after: Aggregate;
}

/** Corrections as the server asks for them. */
export interface Corrections {
  /** All, oldest first. O(corrections). */
  list(): readonly Correction[];
  /** @throws TidemarkError "not-found" | "no-device-series" | "request-invalid" | "correction-refused" */
  preview(asked: DeletionAsked): Promise<Preview>;
  /** Resolves once it is durable and in all answers. @throws as `preview`, and "not-ready" | "disk-full" */
  delete(asked: DeletionAsked, said: Said): Promise<Correction>;
  /** The sensor has another name from now on; what still comes under the old one goes to it. @throws as `delete`, and "request-invalid" when the name is taken */
  rename(sensor: string, to: string, said: Said): Promise<Correction>;
  /** As if it had never been made. @throws as `delete`, and "request-invalid" when it is undone already, or another has to be undone first */
  undo(number: number, by: string): Promise<Correction>;
}
