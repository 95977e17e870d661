/** A correction as it is stored: as JSON in a row of the history, and in the file beside it. */
import type { Window } from "../core/window.ts";
import type { Said } from "../engine/correction.ts";

/** Where a partition was read to when a correction was made: what it concerns lies before. */
export interface Mark {
  readonly topic: string;
  readonly partition: number;
  readonly id: string;
  readonly next: number;
}

/** What both kinds have. */
interface Made extends Said {
  /** From 1 on. */
  readonly number: number;
  /** The sensor's name when it was made. */
  readonly sensor: string;
  /** … and the name that it was first known by: no rename changes that. */
  readonly root: string;
  /** ms. */
  readonly at: number;
  readonly undone: { readonly at: number; readonly by: string } | null;
}

/** Takes readings of these seconds that lie before the marks, of the sensor or of one device. */
export interface Deletion extends Made {
  readonly kind: "delete";
  readonly device: string | null;
  readonly window: Window;
  readonly marks: readonly Mark[];
}

/** Gives the sensor another name. */
export interface Rename extends Made {
  readonly kind: "rename";
  readonly to: string;
}

/** Either. */
export type Stored = Deletion | Rename;

/** The text of a row. The same correction has the same text. */
export function encodeCorrection(stored: Stored): string {
  const { number, kind, sensor, root, at, by, reason, undone } = stored;
  const made = { number, kind, sensor, root, at, by, reason, undone };
  if (stored.kind === "rename") return JSON.stringify({ ...made, to: stored.to });
  const { device, window, marks } = stored;
  return JSON.stringify({
    ...made,
    device,
    window: [window.start, window.end],
    marks: marks.map(({ topic, partition, id, next }) => [topic, partition, id, next]),
  });
}

/** Reads a row. @throws RangeError saying what is wrong with it */
export function decodeCorrection(text: string): Stored {
  try {
    return decoded(JSON.parse(text));
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new RangeError(`no correction: ${text.slice(0, 200)}`);
  }
}

function decoded(row: Record<string, unknown>): Stored {
  const { number, kind, undone } = row;
  const made = {
    number: Number(number),
    sensor: textOf(row.sensor),
    root: textOf(row.root),
    at: numberOf(row.at),
    by: textOf(row.by),
    reason: textOf(row.reason),
    undone: undone === null ? null : undoneOf(undone),
  };
  if (!Number.isSafeInteger(number) || made.number < 1) throw new RangeError(`a correction of number ${number}`);
  if (kind === "rename") return { ...made, kind, to: textOf(row.to) };
  if (kind !== "delete") throw new RangeError(`a correction of kind ${kind}`);
  const [start, end] = listOf(row.window).map(numberOf);
  const marks = listOf(row.marks).map((mark) => {
    const [topic, partition, id, next] = listOf(mark);
    return { topic: textOf(topic), partition: numberOf(partition), id: textOf(id), next: numberOf(next) };
  });
  return { ...made, kind, device: row.device === null ? null : textOf(row.device), window: { start, end }, marks };
}

function undoneOf(value: unknown): { at: number; by: string } {
  if (typeof value !== "object" || value === null || !("at" in value) || !("by" in value))
    throw new RangeError("an undo that says not when or by whom");
  return { at: numberOf(value.at), by: textOf(value.by) };
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw new RangeError(`a text was expected, found ${typeof value}`);
  return value;
}

function numberOf(value: unknown): number {
  if (typeof value !== "number") throw new RangeError(`a number was expected, found ${typeof value}`);
  return value;
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new RangeError(`a list was expected, found ${typeof value}`);
  return value;
}
