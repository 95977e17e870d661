/** Planted bugs of answers as of an earlier moment. */
import type { Planted } from "./planted.ts";

/** Each names the promise of docs/GUARANTEES.md that it breaks. */
export const AS_OF: readonly Planted[] = [
  {
    name: "of a second that changed twice since, the later content is taken",
    promise: "as-of",
    file: "src/rollups/past-query.ts",
    changes: [["if (places[second] === NOW) places[second] = place;", "places[second] = place;"]],
    by: "test/rollups/revisions.test.ts",
  },
  {
    name: "what is not committed yet is in answers as of the last commit",
    promise: "as-of",
    file: "src/rollups/history.ts",
    changes: [["addNotes(since.notes, page, [note]);", "void [page, note, addNotes];"]],
    by: "test/rollups/revisions.test.ts",
  },
  {
    name: "new pages are one range, whatever lies between them",
    promise: "as-of",
    file: "src/rollups/series-notes.ts",
    changes: [["return other > number + 1 && this.", "return other < number && this."]],
    by: "test/rollups/revisions.test.ts",
  },
  {
    name: "a commit has the time of the host's clock, asked for or not",
    promise: "as-of",
    file: "src/rollups/revisions.ts",
    changes: [
      ["Math.max(Math.floor(this.#options.clock.now()), earliest);", "this.#options.clock.now() + 0 * earliest;"],
    ],
    by: "test/rollups/revisions.test.ts",
    only: "a moment between two commits",
  },
  {
    name: "seconds that --keep deleted count as empty",
    promise: "as-of",
    file: "src/rollups/revisions.ts",
    changes: [
      [
        "const gone = ofSensor.find(({ flags }) => flags === EXPIRED);",
        "const gone = ofSensor.find(({ flags }) => flags < 0);",
      ],
    ],
    by: "test/pipeline/as-of.test.ts",
  },
  {
    name: "a device's past before another one came is that of its own series",
    promise: "as-of",
    file: "src/pipeline/past-history.ts",
    changes: [
      ["(own.forked !== null && this.#at.ms < own.forked)", "(own.forked !== null && this.#at.ms < -own.forked)"],
    ],
    by: "test/server/as-of-devices.test.ts",
  },
  {
    name: "what was held back is told as what came, of a device",
    promise: "as-of",
    file: "src/pipeline/device-series.ts",
    changes: [["if (isReleased) this.#isReleased = true;", "if (isReleased) this.#isReleased = false;"]],
    by: "test/server/as-of-devices.test.ts",
    only: "a receipt says of each device",
  },
  {
    name: "devices that came later are among those of then",
    promise: "as-of",
    file: "src/pipeline/past-history.ts",
    changes: [["deviceSeries.all(sensor).filter(({ began }) => began <= this.#at.ms)", "deviceSeries.all(sensor)"]],
    by: "test/server/as-of-devices.test.ts",
    only: "a device that had no series yet",
  },
  {
    name: "a row of notes is believed whatever its checksum",
    promise: "as-of",
    file: "src/rollups/revision-note.ts",
    changes: [["!== checksum(key, first, content))", "=== -1 - checksum(key, first, content))"]],
    by: "test/rollups/revisions.test.ts",
    only: "a row of notes",
  },
];
