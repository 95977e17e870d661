/** Planted bugs of corrections. */
import type { Planted } from "./planted.ts";

/** Each names the promise of docs/GUARANTEES.md that it breaks. */
export const IN_CORRECTIONS: readonly Planted[] = [
  {
    name: "a log that is read again brings deleted readings back",
    promise: "corrected",
    file: "src/pipeline/ledger.ts",
    changes: [["return takings.length === 0 ? null : takings;", "return takings.length < 0 ? takings : null;"]],
    by: "test/pipeline/corrections.test.ts",
  },
  {
    name: "a deletion takes what comes after it when the log is read again",
    promise: "corrected",
    file: "src/pipeline/ledger.ts",
    changes: [
      ["return end === undefined || end <= offset ? []", "return end === undefined || offset < 0 ? []"],
      ["return offset < end && second", "return offset < Math.max(end, Infinity) && second"],
    ],
    by: "test/pipeline/corrections.test.ts",
  },
  {
    name: "an undo brings readings back that a later deletion takes as well",
    promise: "corrected",
    file: "src/pipeline/taker.ts",
    changes: [["if (later.number < number ||", "if (later.number > 0 ||"]],
    by: "test/pipeline/corrections.test.ts",
  },
  {
    name: "a deletion leaves the readings in the series of their devices",
    promise: "corrected",
    file: "src/pipeline/taker.ts",
    changes: [["const isSole = each.series === id;", "const isSole = each.series === id || number > 0;"]],
    by: "test/pipeline/corrections.test.ts",
  },
  {
    name: "what is kept and not applied is forgotten at a start",
    promise: "corrected",
    file: "src/pipeline/correcting.ts",
    changes: [
      [
        'if (stored.kind === "delete" && series !== undefined) await this.#apply(stored, series);',
        'if (stored.kind === "rename" && series !== undefined) await Promise.resolve();',
      ],
    ],
    by: "test/pipeline/corrections.test.ts",
  },
  {
    name: "a correction that is refused stands after a crash",
    promise: "corrected",
    file: "src/store/ends-file.ts",
    changes: [["if (this.#file === file) ftruncateSync(file, size);", "if (this.#file === file) return;"]],
    by: "test/system/failing-beside.test.ts",
    only: "said once",
  },
];
