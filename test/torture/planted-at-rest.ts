/** Planted bugs of what keeps, compares and moves files: sums, ends, scrubbing, histories and logs made anew, backups. */
import type { Planted } from "./planted.ts";

/** Each names the promise of docs/GUARANTEES.md that it breaks. */
export const AT_REST: readonly Planted[] = [
  {
    name: "pages are not compared with their sums",
    promise: "at-rest",
    file: "src/store/page-check.ts",
    changes: [["if (bytes === null || sumOf(bytes) !== sum) bad.push(page);", "if (bytes === null) bad.push(page);"]],
    by: "test/store/page-sums.test.ts",
    only: "zeroed, swapped",
  },
  {
    name: "a write-ahead log that was cut is believed",
    promise: "at-rest",
    file: "src/store/page-check.ts",
    changes: [
      ["return isSameWal(wal.salts, head) && wal.frames < head.frames;", "return false && isSameWal(wal.salts, head);"],
    ],
    by: "test/store/page-sums.test.ts",
    only: "cut anywhere",
  },
  {
    name: "pages are moved into the database before their sums are written",
    promise: "at-rest",
    file: "src/store/checkpoint-thread.ts",
    changes: [["this.#sums.startMoving();", ""]],
    by: "test/store/page-sums.test.ts",
  },
  {
    name: "what the log acknowledged and lost is not noted",
    promise: "at-rest",
    file: "src/log/embedded/lost.ts",
    changes: [["if (has < end) db.prepare", "if (has < end && has > end) db.prepare"]],
    by: "test/log/embedded-at-rest.test.ts",
    only: "zeroed, cut off",
  },
  {
    name: "scrubbing names no page",
    promise: "at-rest",
    file: "src/store/page-sums.ts",
    changes: [["if (this.#damaged.size < DAMAGED_MAX) this.#damaged.add(this.#next);", ""]],
    by: "test/store/scrub.test.ts",
  },
  {
    name: "a history that nothing comes to is not scrubbed",
    promise: "at-rest",
    file: "src/pipeline/idle-scrub.ts",
    changes: [["await checkpointer.scrubIdle();", ""]],
    by: "test/store/scrub.test.ts",
    only: "nothing comes to",
  },
  {
    name: "a first page that is overwritten ends the thread that syncs",
    promise: "at-rest",
    file: "src/store/checkpoint-thread.ts",
    changes: [
      [
        "const damage = isDamage(error) ? text : null;",
        "if (isDamage(error)) throw error;\n      const damage = null;",
      ],
    ],
    by: "test/store/scrub.test.ts",
    only: "a first page",
  },
  {
    name: "a history is made anew though nobody knows what it held",
    promise: "at-rest",
    file: "src/pipeline/made-anew.ts",
    changes: [["if (positions.size === 0) return", "if (positions.size < 0) return"]],
    by: "test/pipeline/made-anew.test.ts",
  },
  {
    name: "what says which server runs is believed as it stands",
    promise: "at-rest",
    file: "src/commands/run-files.ts",
    changes: [['if (checksum !== "" && checksum !== checksumOf(line)) return null;', "void checksum;"]],
    by: "test/store/flips.test.ts",
  },
  {
    name: "a backup is restored whatever became of it",
    promise: "moving",
    file: "src/commands/backup.ts",
    changes: [[" || (await sha256Of(path)) !== sha256", ""]],
    by: "test/system/cli-backup.test.ts",
    only: "refuses what is not",
  },
  {
    name: "what could not be written beside the history waits for the next reading",
    promise: "ready",
    file: "src/pipeline/commits.ts",
    changes: [
      [
        "if (this.#told === this.#state.commits && !isBehind) return;",
        "if (this.#told === this.#state.commits) return;",
      ],
    ],
    by: "test/system/failing-beside.test.ts",
    only: "said once",
  },
  {
    name: "a failed sync of the alerts ends the process",
    promise: "ready",
    file: "src/alerts/alert-file.ts",
    changes: [
      [
        "        fdatasyncSync(this.#wal);\n        this.#sums.keep();\n      }\n    } catch (error) {\n      throw this.#unsynced(error);",
        "        fdatasyncSync(this.#wal);\n        this.#sums.keep();\n      }\n    } catch (error) {\n      throw error;",
      ],
    ],
    by: "test/system/failing-beside.test.ts",
    only: "said once",
  },
  {
    name: "damaged alerts are opened as they are",
    promise: "at-rest",
    file: "src/alerts/alert-file.ts",
    changes: [["if (damage === null) return notices;", "if (damage !== undefined) return notices;"]],
    by: "test/alerts/at-rest.test.ts",
    only: "flips of each file",
  },
  {
    name: "alerts are moved into the database before their sums are written",
    promise: "at-rest",
    file: "src/alerts/alert-file.ts",
    changes: [["    this.#sums.startMoving();\n    const moved", "    const moved"]],
    by: "test/alerts/at-rest.test.ts",
    only: "grows long",
  },
  {
    name: "the write-ahead log of the alerts grows without end",
    promise: "bounded",
    file: "src/alerts/alert-file.ts",
    changes: [["if (fstatSync(this.#wal).size < WAL_BYTES_MAX) return;", "if (fstatSync(this.#wal).size > 0) return;"]],
    by: "test/alerts/at-rest.test.ts",
    only: "grows long",
  },
];
