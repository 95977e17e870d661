/** Corrections that a simulated history was asked for, as they are kept: a crash takes the events of a process, but none of these. */
import type { Stored } from "../../src/pipeline/correction.ts";
import type { Asked, Deletion } from "../oracle/deletions.ts";
import { logOf, type Oracle } from "../oracle/oracle.ts";
import type { Event } from "./events.ts";

interface KeptDeletion {
  readonly asked: Asked;
  /** As the oracle of now has it; null: it is not applied. */
  made: Deletion | null;
  /** Lowered where a log is cut; null: it was never applied. */
  marks: Map<string, number> | null;
  isUndone: boolean;
}

/** A partition's log that was cut, while what it had before may still be in a history that a crash sets back. */
interface Cut {
  readonly topicId: string;
  readonly partition: number;
  readonly to: number;
}

/** A deletion: *kept* → *applied*, as an event, and again after each crash that took the event → *undone* in the same way. */
export class KeptCorrections {
  readonly #deletions = new Map<number, KeptDeletion>();
  /** Renamings that hold, by number. */
  readonly #renames = new Map<number, { readonly from: string; readonly to: string }>();
  #cuts: Cut[] = [];

  /** The name that a sensor had first, under which the oracle knows it. */
  rootOf(name: string): string {
    let root = name;
    for (const { from, to } of [...this.#renames.values()].reverse()) if (to === root) root = from;
    return root;
  }

  nameOf(root: string): string {
    let name = root;
    for (const { from, to } of this.#renames.values()) if (from === name) name = to;
    return name;
  }

  /** Numbers of those that can be undone. */
  get active(): readonly number[] {
    const deletions = [...this.#deletions].flatMap(([number, { isUndone }]) => (isUndone ? [] : [number]));
    return [...deletions, ...this.#renames.keys()].sort((a, b) => a - b);
  }

  /** One is on the disk from now on. @returns what it does to the history */
  kept(stored: Stored): Event | null {
    const { number, undone } = stored;
    if (stored.kind === "rename") {
      if (undone === null) this.#renames.set(number, { from: stored.sensor, to: stored.to });
      else this.#renames.delete(number);
      return null;
    }
    const known = this.#deletions.get(number);
    if (known === undefined) {
      const { root: sensor, device, window } = stored;
      const name = device === null ? null : Buffer.from(device, "utf8").toString("latin1");
      this.#deletions.set(number, {
        asked: { sensor, device: name, ...window },
        made: null,
        marks: null,
        isUndone: false,
      });
      return { kind: "corrected", number };
    }
    // Else its marks were lowered, as the log was cut.
    if (undone === null || known.isUndone) return null;
    known.isUndone = true;
    return { kind: "uncorrected", number };
  }

  /** What of them the history lacks, as it went back. */
  pending(): Event[] {
    return [...this.#deletions].flatMap(([number, { made, isUndone }]): Event[] => [
      ...(made === null ? [{ kind: "corrected", number } as const] : []),
      ...(isUndone && made?.isUndone !== true ? [{ kind: "uncorrected", number } as const] : []),
    ]);
  }

  apply({ kind, number }: Event & { readonly kind: "corrected" | "uncorrected" }, oracle: Oracle): void {
    const kept = this.#deletions.get(number);
    if (kept === undefined) throw new Error(`BUG: correction ${number} was never kept`);
    if (kind === "uncorrected") {
      if (kept.made !== null) oracle.undo(kept.made);
      return;
    }
    kept.made = oracle.delete(kept.asked, kept.marks ?? undefined);
    kept.marks ??= new Map(kept.made.marks);
  }

  /** Offsets of a log, as the oracle names it, from `to` on mean other records by now. */
  cut(topicId: string, partition: number, to: number): void {
    this.#cuts.push({ topicId, partition, to });
  }

  /** The history goes back: nothing is applied any more. */
  forget(): void {
    for (const kept of this.#deletions.values()) kept.made = null;
  }

  /**
   * What a history that went back forgot of a cut log has other records under the same offsets when it is read again.
   * @param nextOf what is read next; null: the history knows of the cut
   */
  lower(nextOf: (topicId: string, partition: number) => number | null): void {
    this.#cuts = this.#cuts.filter(({ topicId, partition, to }) => {
      const next = nextOf(topicId, partition);
      if (next === null) return true;
      const log = logOf({ topicId, partition });
      for (const { marks } of this.#deletions.values()) {
        if (marks !== null) marks.set(log, Math.min(marks.get(log) ?? 0, Math.max(to, next)));
      }
      return false;
    });
  }
}
