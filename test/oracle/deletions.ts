/** Deletions as decision 40 words them: which counted readings are taken, by the rule alone. Part of test/oracle, which imports nothing from src/. */
import type { CountedReading } from "./statistics.ts";

/** Where a counted reading came from. */
export interface Origin {
  /** Topic id and partition. */
  readonly log: string;
  readonly offset: number;
  /** So many deletions had been made of its sensor when it was released from quarantine; 0: it was not held back. */
  readonly releasedAfter: number;
}

/** What is asked to be taken: readings of the seconds [start, end), of the sensor or of one device. */
export interface Asked {
  readonly sensor: string;
  /** The bytes of its name as latin1; null: all. */
  readonly device: string | null;
  readonly start: number;
  readonly end: number;
}

/** How far each partition had been read when it was made, by topic id and partition: it takes what lies before. */
export type Marks = ReadonlyMap<string, number>;

export interface Deletion extends Asked {
  readonly marks: Marks;
  isUndone: boolean;
}

/** Of one sensor, in the order in which they were made. */
export class Deletions {
  readonly #all: Deletion[] = [];

  get made(): number {
    return this.#all.length;
  }

  make(asked: Asked, marks: Marks): Deletion {
    const made = { ...asked, marks, isUndone: false };
    this.#all.push(made);
    return made;
  }

  /** What is left of a sensor's counted readings. */
  left(readings: readonly CountedReading[]): readonly CountedReading[] {
    return this.#all.every(({ isUndone }) => isUndone)
      ? readings
      : readings.filter(
          (reading) => !this.#all.some((deletion, i) => !deletion.isUndone && takes(deletion, i, reading)),
        );
  }
}

function takes(
  { device, start, end, marks }: Deletion,
  index: number,
  { time, device: of, origin }: CountedReading,
): boolean {
  const second = Math.floor(time / 1000);
  if (second < start || second >= end || (device !== null && device !== (of ?? ""))) return false;
  return origin !== undefined && index >= origin.releasedAfter && origin.offset < (marks.get(origin.log) ?? 0);
}
