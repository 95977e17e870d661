/** The table at every size: no line wider than the terminal, nothing that matters lost before something that does not. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { KEYS } from "../../src/ui/browsing.ts";
import type { LiveRow } from "../../src/ui/live-event.ts";
import { renderKeys, renderTable, rowsThatFit, type TableState } from "../../src/ui/table.ts";
import { widthOf } from "../../src/ui/text-width.ts";

const ROW: LiveRow = {
  sensor: "temperature",
  count: 12_345,
  mean: 49.8571,
  min: 0,
  max: 100,
  last: 42,
  ageMs: 400,
  rate: 1,
  minute: { count: 60, mean: 51.25, min: 3, max: 98 },
  spark: Array.from({ length: 60 }, (_, i) => i),
  late: 3,
  duplicates: 7,
  quarantined: 0,
  rejected: 0,
  gapRecords: 0,
  cutRecords: 0,
  lag: 0,
  stuckDevices: 0,
};
const NO_DATA: LiveRow = {
  ...ROW,
  sensor: "humidity",
  count: 0,
  mean: null,
  min: null,
  max: null,
  last: null,
  ageMs: null,
  rate: 0,
  minute: { count: 0, mean: null, min: null, max: null },
  spark: Array.from({ length: 60 }, () => null),
  late: 0,
  duplicates: 0,
};
const STATE: TableState = {
  server: "http://127.0.0.1:5000",
  connection: { kind: "live" },
  trouble: null,
  sensorsTotal: 2,
  rows: [ROW, NO_DATA],
  known: 2,
  status: "",
  footer: "q or Ctrl-C ends this table",
};
const lineAt = (state: Partial<TableState>, columns: number): string[] =>
  renderTable({ ...STATE, known: state.rows?.length ?? 2, ...state }, 0, { columns, rows: 40 }, false);

describe("what is shown", () => {
  test("everything on a wide terminal", () => {
    assert.deepEqual(lineAt({}, 112), [
      "tidemark http://127.0.0.1:5000",
      "",
      "                                                       ───── last minute ──────",
      "SENSOR         COUNT     MEAN   MIN   MAX  LAST  RATE  COUNT     MEAN  MIN  MAX  LATE  DUPL    AGE",
      "temperature   12,345   49.857     0   100    42   1.0     60   51.250    3   98     3     7     0s  ▁▁▂▃▃▄▅▆▆▇██",
      "humidity           0        –     –     –     –     0      0        –    –    –     0     0      –              ",
      "",
      "q or Ctrl-C ends this table",
    ]);
  });

  test("the most telling columns on one of 80", () => {
    assert.deepEqual(lineAt({}, 80).slice(2, 5), [
      "                                                       ── last minute ──",
      "SENSOR         COUNT     MEAN   MIN   MAX  LAST  RATE     MEAN  MIN  MAX    AGE",
      "temperature   12,345   49.857     0   100    42   1.0   51.250    3   98     0s",
    ]);
  });

  test("at every width no line is wider, and sensor and count are there", () => {
    const huge = { ...ROW, sensor: "x".repeat(249), count: 9_007_199_254_740_991, mean: -1.5e150, quarantined: 5 };
    for (const rows of [[ROW, NO_DATA], [ROW, huge], []]) {
      for (let columns = 1; columns <= 250; columns++) {
        const lines = lineAt({ rows }, columns);
        for (const line of lines) {
          const needed = rows.includes(huge) ? 25 : 12; // below this not even the counts fit
          assert.ok(line.length <= Math.max(columns, needed), `${columns}: ${line.length} ${line}`);
        }
        if (rows.includes(ROW))
          assert.ok(
            lines.some((line) => line.includes("12,345")),
            `${columns}`,
          );
      }
    }
  });

  test("at every height it fits, and says where in the list it is", () => {
    const rows = Array.from({ length: 30 }, (_, i) => ({ ...ROW, sensor: `s${i}`, rejected: i }));
    const state = { ...STATE, rows, known: 40, sensorsTotal: 1500 };
    for (let height = 2; height <= 50; height++) {
      const size = { columns: 100, rows: height };
      const lines = renderTable(state, 3, size, false);
      assert.ok(lines.length <= height, `${height}: ${lines.length}`);
      if (height < 14) continue;
      const shown = Math.min(rowsThatFit(state, size), 27);
      assert.ok(
        lines.includes(`4–${3 + shown} of 30 sensors, 10 others are filtered out, 1,460 more (tidemark sensors)`),
        lines.join("\n"),
      );
      assert.equal(lines.at(-1), STATE.footer);
    }
  });

  test("how the rows were chosen stands in the head; no sensor yet is said", () => {
    assert.equal(lineAt({ status: "by rate  /plant" }, 80)[0], "tidemark http://127.0.0.1:5000  by rate  /plant");
    assert.ok(lineAt({ rows: [], sensorsTotal: 0 }, 80).includes("no sensor yet"));
  });

  test("the keys, on a screen of their own", () => {
    for (const size of [
      { columns: 100, rows: 24 },
      { columns: 20, rows: 5 },
    ]) {
      const lines = renderKeys(KEYS, size, false);
      assert.ok(lines.length <= size.rows);
      for (const line of lines) assert.ok(widthOf(line) <= size.columns, line);
    }
  });
});

describe("what is wrong", () => {
  test("a lost connection with its age and tries", () => {
    const connection = { kind: "lost", forMs: 63_000, tries: 9, reason: "connect ECONNREFUSED" } as const;
    assert.equal(
      lineAt({ connection }, 200)[0],
      "tidemark http://127.0.0.1:5000  connection lost 1m03s ago, 9 tries: connect ECONNREFUSED",
    );
    assert.equal(lineAt({ connection: { kind: "connecting" } }, 99)[0], "tidemark http://127.0.0.1:5000  connecting …");
  });

  test("a server that takes in nothing", () => {
    assert.match(
      lineAt({ trouble: "the log cannot be reached" }, 200)[0],
      / takes in nothing: the log cannot be reached$/,
    );
  });

  test("what is held back, rejected, lost, stuck or behind has a line of its own", () => {
    const rows = [
      { ...ROW, quarantined: 2, rejected: 1, gapRecords: 1000, cutRecords: 3, stuckDevices: 1, lag: 5000 },
      NO_DATA,
    ];
    const notes = lineAt({ rows }, 250).filter((line) => line.startsWith("temperature: "));
    assert.deepEqual(notes, [
      "temperature: 2 held back (tidemark quarantine), 1 rejected (tidemark rejections), 1,000 lost by the log before they were read, 3 lost by the log after they were read, 1 device sends only duplicates, 5,000 behind the log",
    ]);
  });

  test("colour only adds SGR sequences: the text is the same, a silent sensor stands out", () => {
    const rows = [{ ...ROW, ageMs: 3_600_000, quarantined: 1 }, NO_DATA];
    const colored = renderTable({ ...STATE, rows }, 0, { columns: 120, rows: 40 }, true);
    assert.deepEqual(colored.map(stripVTControlCharacters), lineAt({ rows }, 120));
    assert.ok(colored.some((line) => line.includes("\x1b[33m   1h\x1b[0m")));
  });
});
