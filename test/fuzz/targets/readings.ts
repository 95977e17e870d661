/** Readings as devices and files bring them: payloads, bodies, CSV, times. */
import assert from "node:assert/strict";
import { numberOf, parseTimeFormat, Times } from "../../../src/commands/import/cells.ts";
import { CsvParser, delimiterOf } from "../../../src/commands/import/csv.ts";
import { parseTime } from "../../../src/core/asked-time.ts";
import { edgesOf, parseStep } from "../../../src/core/calendar.ts";
import { DEFAULT_NAMING } from "../../../src/core/line-naming.ts";
import { Names } from "../../../src/core/names.ts";
import { Readings } from "../../../src/core/readings.ts";
import { ABSENT, Records } from "../../../src/core/records.ts";
import { atOnce } from "../../../src/core/slices.ts";
import { findZone, openZone } from "../../../src/core/zone.ts";
import { recordsOfBody } from "../../../src/doors/body.ts";
import { recordsOfLines } from "../../../src/doors/influx.ts";
import { createLookInto } from "../../../src/doors/look-into.ts";
import { createDecoder } from "../../../src/formats/decode.ts";
import { OWN_SERIES_ONLY } from "../../../src/formats/format.ts";
import { Payloads } from "../../formats/payloads.ts";
import { bytes, isOperating, never, type Target, text, words } from "../target.ts";

const ZONE = openZone("Europe/Berlin");
/** What devices' names take before they are forgotten, as an edge of the pipeline does. */
const NAMES_MAX = 10_000;

const JSON_WORDS = words(
  'null true "device": "boot": "sequence": "seq": "id": "value": "time": "ts": NaN Infinity -0 1e308 1e-400 [ ] { } [[ ]] "\\ud800" "\\u0000" 9007199254740993 1700000000000 1700000000 "2020-01-13T15:12:00Z" , : \uFEFF \u2028',
);

function payloads(): Buffer[] {
  const made = new Payloads(5);
  return Array.from({ length: 60 }, (_, i) => bytes(i % 4 === 0 ? made.bare() : made.object(made.producer(), i % 3)));
}

let context = contextOf();
let decoder = createDecoder(context);

function contextOf() {
  return { series: 7, seriesOf: OWN_SERIES_ONLY, devices: new Names(), boots: new Names(), zone: ZONE };
}

/** One decoder learns from all inputs, as that of a topic does. Each line is a record. */
const decode: Target = {
  name: "decode",
  seeds: payloads,
  words: JSON_WORDS,
  mayThrow: never,
  run(input) {
    const values = input.length > 4096 ? [input] : [input, input.subarray(0, input.length >> 1)];
    const records = new Records(values.length);
    values.forEach((value, i) => {
      records.keyStart[i] = ABSENT;
      records.valueStart[i] = 0;
      records.valueEnd[i] = value.length;
      records.timestamp[i] = 1_700_000_000_000;
    });
    records.data = new Uint8Array(input);
    records.count = values.length;
    const readings = new Readings(values.length);
    decoder.decode(records, readings);
    assert.ok(readings.count >= values.length, "each record makes a row at least");
    for (let row = 0; row < readings.count; row++) {
      if (readings.rejection[row] !== 0) continue;
      const size = Math.abs(readings.value[row]);
      assert.ok(size === 0 || (size >= 1e-140 && size <= 1e150), `a value of ${readings.value[row]}`);
      assert.ok(Number.isSafeInteger(readings.time[row]), `a time of ${readings.time[row]}`);
    }
    if (context.devices.size + context.boots.size <= NAMES_MAX) return;
    context = contextOf();
    decoder = createDecoder(context);
  },
};

const lookInto = createLookInto(ZONE);

const body: Target = {
  name: "body",
  seeds: () => [...payloads(), Buffer.concat(payloads().flatMap((each) => [each, bytes("\n")]))],
  words: [...JSON_WORDS, bytes("\n"), bytes("\r\n"), bytes("\n\n\n\n")],
  mayThrow: isOperating,
  run(input) {
    const records = recordsOfBody("temperature", input, undefined, 65_536);
    const { readings, rejected, faults } = lookInto(records, 10);
    assert.ok(readings + rejected >= records.length && faults.length <= 10);
  },
};

const influx: Target = {
  name: "influx",
  seeds: () => [
    bytes(
      'weather,location=us\\ midwest,room=a temperature=82,humidity=71i,note="wind \\"south\\"",ok=t 1465839830100400200\n',
    ),
    bytes("# comment\ncpu,host=a usage=0.5\ncpu,host=b usage=1e3 1700000000000000000\n"),
  ],
  words: words('\\ , = " # i u t f \\, \\= \n \r\n NaN 1e999 9223372036854775807i -1u'),
  mayThrow: isOperating,
  run(input) {
    for (const precision of ["ns", "s"]) {
      const { records } = atOnce(recordsOfLines(input, precision, DEFAULT_NAMING));
      if (records.length > 0) lookInto(records, 10);
    }
  },
};

const csv: Target = {
  name: "csv",
  seeds: () => [
    bytes('time,value\n2020-01-13 15:12:00,"1,5"\n"a ""b""\nc",2\n'),
    bytes("ts;temp\n13.01.2020 15:12;21,5\r\n"),
  ],
  words: words('" "" , ; \n \r\n \t | 2020-01-13T15:12:00Z 1,5 -1e9'),
  // A row that is never closed.
  mayThrow: (error) => error instanceof Error && /has over \d+ characters/.test(error.message),
  run(input) {
    const whole = text(input);
    const parser = new CsvParser(delimiterOf(whole.split("\n", 1)[0]));
    const half = whole.length >> 1;
    const rows = [...parser.push(whole.slice(0, half)), ...parser.push(whole.slice(half)), ...parser.end()];
    const times = new Times(ZONE, parseTimeFormat(whole.slice(0, 40)) ?? null);
    for (const { fields } of rows) {
      for (const field of fields.slice(0, 8)) {
        numberOf(field, true);
        times.read(field);
      }
    }
  },
};

const NOW_MS = Date.UTC(2020, 0, 13, 15);

const time: Target = {
  name: "time",
  seeds: () =>
    words(
      "2020-01-13T15:12:00.123+01:00 2020-01-13 now-1h -24h now/d today yesterday+3h 1578928320000 20200113 2020 2020-01-13T15:12:00[Europe/Berlin] CET-1CEST,M3.5.0,M10.5.0/3 Europe/Berlin +02:00 1h 2w 3mo EST5EDT,J60/-3,J300/24:59:59",
    ),
  words: words("now today / + - T Z : . [ ] , M d w y h s mo 9999 0000 -0 1e9 Europe/ GMT <+03>-3"),
  mayThrow: never,
  run(input) {
    const asked = text(input);
    const parsed = parseTime(asked, ZONE, NOW_MS);
    if (!("fault" in parsed)) assert.ok(parsed.startMs < parsed.endMs, `${parsed.startMs} to ${parsed.endMs}`);
    parseTime(Number(asked), ZONE, NOW_MS);
    const step = parseStep(asked);
    if (step !== null) edgesOf({ start: 1_578_000_000, end: 1_579_000_000 }, step, ZONE, 1000);
    const zone = findZone(asked);
    if (zone !== null) assert.ok(Math.abs(zone.offsetAt(NOW_MS)) <= 7 * 86_400_000, zone.name);
  },
};

export const READINGS_TARGETS: readonly Target[] = [decode, body, influx, csv, time];
