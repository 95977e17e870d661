/** Charts of braille dots: small ones to look at, and every size fits. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { Random } from "../../src/core/random.ts";
import { openZone } from "../../src/core/zone.ts";
import { Canvas } from "../../src/ui/braille.ts";
import { type Chart, type Curve, renderChart } from "../../src/ui/chart.ts";
import { marksOf, ticksOf } from "../../src/ui/chart-axes.ts";
import { paintIn } from "../../src/ui/paint.ts";
import { widthOf } from "../../src/ui/text-width.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2020, 0, 13, 12);
const edgesOf = (buckets: number) => Array.from({ length: buckets + 1 }, (_, i) => START + i * HOUR);
const curve = (name: string, line: readonly (number | null)[]): Curve => ({ name, line, low: null, high: null });
const chartOf = (...curves: readonly Curve[]): Chart => ({
  title: "mean every 1h",
  edges: edgesOf(curves[0]?.line.length ?? 0),
  zone: openZone("UTC"),
  curves,
});

describe("a canvas", () => {
  test("two by four dots a cell, none beyond it; the last look wins", () => {
    const canvas = new Canvas(2, 1);
    for (const [x, y] of [
      [0, 0],
      [1, 3],
      [3, 1],
      [-1, 0],
      [4, 0],
      [0, 4],
    ] as const) {
      canvas.dot(x, y, "cyan");
    }
    assert.deepEqual(canvas.rows(paintIn(false)), ["⢁⠐"]);
    canvas.clear(3, 1);
    canvas.dot(0, 1, "red");
    assert.deepEqual(canvas.rows(paintIn(true)), ["\x1b[31m⢃\x1b[0m\x1b[36m \x1b[0m"]);
  });

  test("a line in every direction has both of its ends and no hole", () => {
    for (let angle = 0; angle < 360; angle += 15) {
      const [x, y] = [8 + Math.round(7 * Math.cos(angle)), 8 + Math.round(7 * Math.sin(angle))];
      const dots: [number, number][] = [];
      new Canvas(8, 4).line(8, 8, x, y, (...dot) => dots.push(dot));
      assert.deepEqual(
        [dots[0], dots.at(-1)],
        [
          [8, 8],
          [x, y],
        ],
      );
      for (const [i, [a, b]] of dots.slice(1).entries()) {
        assert.ok(Math.max(Math.abs(a - dots[i][0]), Math.abs(b - dots[i][1])) === 1);
      }
    }
  });
});

describe("a chart", () => {
  test("a line, its gap, its scale and its moments", () => {
    const line = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, null, null, 9, 6, 3, 0, null, 5, null, 5, 4, 3, 2, 1];
    assert.deepEqual(renderChart(chartOf(curve("rain", line)), { columns: 40, rows: 8 }, false), [
      "mean every 1h",
      "━ rain 1 (0 … 9)",
      "  │           ⢀⡠⠔⠊    ⠱⡀",
      "5 ┤       ⢀⡠⠔⠊⠁        ⠑⡄    ⣀⣀  ⣀",
      "  │    ⣀⠔⠊⠁             ⠘⢄        ⠉⠒⢄⡀",
      "0 ┤⢀⠤⠒⠉                  ⠈⢆          ⠈⠑⠂",
      "  └──────────────────┬──────────────────",
      "                   01-14",
    ]);
  });

  test("what lies between smallest and largest is shaded, and keeps off the line", () => {
    const flat = Array.from({ length: 10 }, () => 5);
    const band = { ...curve("t", flat), low: flat.map(() => 0), high: flat.map(() => 10) };
    assert.deepEqual(renderChart(chartOf(band), { columns: 16, rows: 9 }, false).slice(2, 7), [
      "10 ┤⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕",
      "   │⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕",
      " 5 ┤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⢔",
      "   │⢔⢔⢔⢔⢔⢔⢔⢔⢔⢔⢔⢔",
      " 0 ┤⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕⢕",
    ]);
  });

  test("nothing at all, one reading, one value", () => {
    const size = { columns: 30, rows: 10 };
    assert.deepEqual(renderChart(chartOf(curve("t", [null, null])), size, false)[1], "no reading in this window");
    for (const line of [[5], [0, 0], [-3, null], [1e12, 1e12 + 1]]) {
      const lines = renderChart(chartOf(curve("t", line)), size, false);
      assert.match(lines.join("\n"), /[⠁-⣿]/, String(line));
    }
  });

  test("one panel for curves of one scale in colours, else one each", () => {
    const size = { columns: 60, rows: 20 };
    const panels = (color: boolean, ...curves: Curve[]) =>
      renderChart(chartOf(...curves), size, color).filter((line) => line.includes("━")).length;
    const near = [curve("a", [1, 2, 3]), curve("b", [2, 3, 4])];
    assert.equal(panels(true, ...near), 1);
    assert.equal(panels(false, ...near), 2);
    assert.equal(panels(true, curve("a", [1, 2, 3]), curve("pressure", [1013, 1014, 1012])), 2);
  });

  test("at every size no line is wider, and colour only adds SGR sequences", () => {
    const random = new Random(1);
    for (let columns = 12; columns <= 220; columns += 7) {
      for (const count of [1, 2, 8]) {
        const curves = Array.from({ length: count }, (_, c) => {
          const line = Array.from({ length: 1 + random.integer(0, 300) }, () =>
            random.chance(0.1) ? null : random.next() * 10 ** random.integer(-6, 12),
          );
          return {
            ...curve(`sensor-${c}`, line),
            low: line,
            high: line.map((value) => (value === null ? null : value * 1.1)),
          };
        });
        const chart = { ...chartOf(...curves), edges: edgesOf(Math.max(...curves.map(({ line }) => line.length))) };
        const size = { columns, rows: 24 };
        const lines = renderChart(chart, size, false);
        for (const line of lines) assert.ok(widthOf(line) <= Math.max(columns, 24), `${columns}: ${line}`);
        if (count === 1)
          assert.deepEqual(
            renderChart(chart, size, true).map((line) => stripVTControlCharacters(line).trimEnd()),
            lines.map((line) => line.trimEnd()),
          );
      }
    }
  });
});

describe("axes", () => {
  test("values that people read easily, with the decimals that tell them apart", () => {
    for (const [low, high, texts] of [
      [0, 10, ["0", "5", "10"]],
      [12.3, 13.1, ["12.4", "12.6", "12.8", "13.0"]],
      [-0.003, 0.003, ["-0.002", "0", "0.002"]],
      [1_200_000, 3_900_000, ["2,000,000", "3,000,000"]],
      [0, 4e9, ["0", "1e+9", "2e+9", "3e+9", "4e+9"]],
    ] as const) {
      const ticks = ticksOf(low, high, 4);
      assert.deepEqual(ticks.values.map(ticks.text), texts);
    }
  });

  test("moments of a zone's clock, through a night that has 25 hours", () => {
    const zone = openZone("Europe/Berlin");
    const [start, end] = [Date.UTC(2020, 9, 24, 16, 30), Date.UTC(2020, 9, 25, 11, 0)];
    assert.deepEqual(
      marksOf(start, end, zone, 8).map(({ text }) => text),
      ["21:00", "10-25", "03:00", "06:00", "09:00"],
    );
    assert.deepEqual(
      marksOf(start, start + 40_000, zone, 5).map(({ text }) => text),
      ["18:30:10", "18:30:20", "18:30:30"],
    );
    assert.deepEqual(marksOf(start, start, zone, 5), []);
  });
});
