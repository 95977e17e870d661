/** Files of others → readings: delimiters, titles, numbers and times as they are found in the wild, and lines that are none. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseTimeFormat, Times } from "../../src/commands/import/cells.ts";
import { CsvParser, delimiterOf } from "../../src/commands/import/csv.ts";
import { FIELDS, type Field } from "../../src/commands/import/fields.ts";
import { FileReader } from "../../src/commands/import/file-reader.ts";
import { Random } from "../../src/core/random.ts";
import { openZone } from "../../src/core/zone.ts";

interface Rules {
  readonly columns?: Partial<Record<Field, string>>;
  readonly time?: string;
  readonly delimiter?: string;
}

function read(text: string, { columns = {}, time, delimiter }: Rules = {}, cut?: Random) {
  const format = time === undefined ? null : parseTimeFormat(time);
  assert.ok(format !== undefined, time);
  const named = new Map(FIELDS.flatMap((field) => (columns[field] === undefined ? [] : [[field, columns[field]]])));
  const reader = new FileReader({
    times: new Times(openZone("Europe/Berlin"), format),
    named,
    delimiter: delimiter ?? null,
    device: "import",
  });
  const items = [];
  for (let at = 0; at < text.length; ) {
    const end = cut === undefined ? text.length : at + cut.integer(1, 9);
    items.push(...reader.push(text.slice(at, end)));
    at = end;
  }
  items.push(...reader.end());
  const rows = items.map((item) => {
    if ("fault" in item) return { line: item.line, fault: item.fault };
    return { line: item.line, ...JSON.parse(new TextDecoder().decode(item.payload)) };
  });
  return { layout: reader.layout, rows };
}

/** value, time and device of each row. */
const brief = (text: string, rules: Rules = {}) =>
  read(text, rules).rows.map((row) => row.fault ?? [row.value, new Date(row.time).toISOString()]);

describe("CSV", () => {
  test("quotes, delimiters, line ends, wherever the text is cut", () => {
    const text =
      '\n"time",value,"note ""x"", y"\r\n2020-01-13,1,"a\r\nb,c"\n\n2020-01-14, 2 ,"d"\n2020-01-15,3,e"f\n"g",4';
    const expected = [
      { fields: ["time", "value", 'note "x", y'], line: 2 },
      { fields: ["2020-01-13", "1", "a\r\nb,c"], line: 3 },
      { fields: ["2020-01-14", "2", "d"], line: 6 },
      { fields: ["2020-01-15", "3", 'e"f\n"g"', "4"], line: 7 },
    ];
    const random = new Random(5);
    for (let round = 0; round < 200; round++) {
      const parser = new CsvParser(",");
      const rows = [];
      for (let at = 0; at < text.length; ) {
        const end = at + random.integer(1, 12);
        rows.push(...parser.push(text.slice(at, end)));
        at = end;
      }
      rows.push(...parser.end());
      assert.deepEqual(rows.slice(0, 3), expected.slice(0, 3), `round ${round}`);
    }
    assert.throws(() => new CsvParser(",").push(`"${"x".repeat(1_100_000)}`), /is a quote not closed\?/);
    for (const [line, delimiter] of [
      ["a,b;c,d", ","],
      ["time;value", ";"],
      ['"a,b,c"\t"d"', "\t"],
      ["a|b", "|"],
      ["alone", ","],
      ["13.01.2020;21,5", ";"],
      ["13.01.2020;21,5;19,25", ";"],
    ]) {
      assert.equal(delimiterOf(line), delimiter, line);
    }
  });

  test("titles, or two columns without", () => {
    const noon = "2020-01-13T11:00:00.000Z";
    assert.deepEqual(brief("Timestamp,Value\n2020-01-13 12:00,21.5\n"), [[21.5, noon]]);
    assert.deepEqual(brief("Zeit;Temperatur\n2020-01-13 12:00;21,5"), [[21.5, noon]]);
    assert.deepEqual(brief("2020-01-13T11:00:00Z,-3e1"), [[-30, noon]]);
    assert.deepEqual(brief("1578913200000\t7\n"), [[7, noon]]);
    assert.deepEqual(brief("a,b,c\n1,2020-01-13 12:00,3", { columns: { time: "b", value: "3" } }), [[3, noon]]);
    assert.deepEqual(brief("5,x,2020-01-13 12:00", { columns: { time: "3", value: "1" } }), [[5, noon]]);
    assert.throws(
      () => read("a,b,c\n1,2,3"),
      /which column is the value is not clear: .* the first row is a \| b \| c/,
    );
    assert.throws(() => read("time,value\n", { columns: { value: "valu" } }), /no column valu; did you mean value\?/);
    assert.throws(() => read("1,2,3"), /which column is the value/);
    assert.deepEqual(read("ts|val\n").layout, {
      kind: "csv",
      delimiter: "|",
      hasHeader: true,
      columns: { value: "val", time: "ts" },
    });
  });

  test("times: units, patterns, the zone of those that name none; nothing is guessed", () => {
    const noon = "2020-01-13T11:00:00.000Z";
    for (const [cell, time] of [
      ["1578913200", "s"],
      ["1578913200.0", "s"],
      ["1578913200000000", "us"],
      ["1578913200000000000", "ns"],
      ["13.01.2020 12:00", "DD.MM.YYYY HH:mm"],
      ["13.1.2020 12:00:00", "DD.MM.YYYY HH:mm:ss"],
      ["01/13/2020 12:00:00", "MM/DD/YYYY HH:mm:ss"],
    ] as const) {
      assert.deepEqual(brief(`${cell}|1`, { time, delimiter: "|" }), [[1, noon]], cell);
    }
    assert.equal(parseTimeFormat("DD.MM"), undefined);
    assert.equal(parseTimeFormat("seconds"), undefined);
    assert.deepEqual(
      brief("time,value\n1578913200,1\nsoon,2\n2020-13-01,3\n2020-01-13 12:00,\n2020-01-13 12:00,x\n,1"),
      [
        'the time "1578913200" is no epoch milliseconds; --time-format s, us or ns says what it is',
        'the time "soon" cannot be read; --time-format says how',
        'the time "2020-13-01" cannot be read: the month must be 01 to 12',
        "the value is empty",
        'the value "x" is no number',
        "the time is empty",
      ],
    );
    assert.deepEqual(brief("31.02.2020;1", { time: "DD.MM.YYYY" }), [
      'the time "31.02.2020" cannot be read: there is no such day',
    ]);
  });
});

describe("NDJSON", () => {
  test("keys of readings, or named ones; lines that are none keep their numbers", () => {
    const text = [
      '{"time":"2020-01-13T11:00:00Z","value":"21.5","device":"d","boot":"b","seq":7}',
      "",
      '{"ts":1578913200000,"value":2,"id":"x"}',
      "[1]",
      '{"ts":1578913200000,"value":{}}',
      '{"ts":1578913200000',
    ].join("\n");
    const { rows, layout } = read(text);
    assert.equal(layout?.kind, "ndjson");
    assert.deepEqual(rows.slice(0, 2), [
      { line: 1, device: "d", boot: "b", sequence: 7, value: 21.5, time: 1578913200000 },
      { line: 3, device: "import", id: "x", value: 2, time: 1578913200000 },
    ]);
    assert.deepEqual(
      rows.slice(2).map(({ line, fault }) => [line, String(fault).slice(0, 24)]),
      [
        [4, "it is no JSON object: it"],
        [5, "value is no number or te"],
        [6, "it is no JSON object: Ex"],
      ],
    );
    const named = read('{"at":1578913200,"t":3}', { columns: { time: "at", value: "t" }, time: "s" });
    assert.deepEqual(named.rows[0].value, 3);
  });

  test("however a file is cut, its rows are the same; the same row has the same identity", () => {
    const random = new Random(9);
    const csv = `time,value,device\n${Array.from({ length: 50 }, (_, i) => `${1578913200000 + i},${i / 4},d${i % 3}`).join("\n")}`;
    const json = Array.from({ length: 50 }, (_, i) => `{"time":${1578913200000 + i},"value":${i}}`).join("\n");
    for (const text of [csv, json]) {
      const whole = read(text).rows;
      assert.equal(whole.length, 50);
      for (let round = 0; round < 50; round++) assert.deepEqual(read(text, {}, random).rows, whole);
    }
    const [one, other] = read("time,value\n2020-01-13 12:00,1\n2020-01-13T11:00:00Z,1.0").rows;
    assert.equal(one.id, other.id);
  });
});
