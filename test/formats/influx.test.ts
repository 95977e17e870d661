/** Line protocol: what becomes of lines, and that the decoder says what a plain reference says about 100,000 of them, whole and damaged. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_NAMING, type LineNaming } from "../../src/core/line-naming.ts";
import { Names } from "../../src/core/names.ts";
import { Random } from "../../src/core/random.ts";
import { IDENTITY_SEQUENCE, Readings } from "../../src/core/readings.ts";
import { ABSENT, Records } from "../../src/core/records.ts";
import { ACCEPTED, PASSED_OVER, rejectionAt } from "../../src/core/rejections.ts";
import { sensorNameFault } from "../../src/core/sensor-name.ts";
import { atOnce } from "../../src/core/slices.ts";
import { openZone } from "../../src/core/zone.ts";
import { recordsOfLines } from "../../src/doors/influx.ts";
import { createDecoder, type Decoder } from "../../src/formats/decode.ts";
import { sensorNameOf } from "../../src/formats/influx/sensor-names.ts";
import { UnreadKeys } from "../../src/formats/unread-keys.ts";
import { influxReference } from "./influx-reference.ts";

const APPENDED = Date.UTC(2026, 0, 1);
const SERIES_MIN = 2 ** 20;

interface Row {
  readonly sensor: string;
  readonly device: string;
  /** null: the time is the record's. */
  readonly ns: bigint | null;
  readonly value: number;
  readonly series: number;
}

/** A decoder with the sensors that its lines made. */
class Door {
  readonly sensors: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly devices = new Names();
  readonly unread = new UnreadKeys(() => {});
  /** Most sensors. */
  max = Number.POSITIVE_INFINITY;
  readonly #decoder: Decoder = createDecoder({
    series: 0,
    seriesOf: (name) => this.#seriesOf(name),
    devices: this.devices,
    boots: new Names(),
    zone: openZone("UTC"),
    unreadKeys: this.unread,
  });

  #seriesOf(name: string): number {
    assert.equal(sensorNameFault(name), null, name);
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    if (this.sensors.length >= this.max) return -1;
    this.#numbers.set(name, this.sensors.push(name));
    return this.sensors.length;
  }

  /** Rows of one body: readings, and the codes and bytes of what is rejected. */
  read(body: string | Buffer, precision = "ns", naming: LineNaming = DEFAULT_NAMING): (Row | [string, string])[] {
    const { records: given } = atOnce(recordsOfLines(Buffer.from(body), precision, naming));
    const records = new Records(given.length);
    records.data = Buffer.concat(given.map(({ value }) => value));
    let at = 0;
    for (const [i, { value }] of given.entries()) {
      records.valueStart[i] = at;
      at += value.length;
      records.valueEnd[i] = at;
      records.keyStart[i] = ABSENT;
      records.timestamp[i] = APPENDED;
    }
    records.count = given.length;
    const readings = new Readings();
    this.#decoder.decode(records, readings);
    return inOrder(records, readings).flatMap((row) => this.#row(records, readings, row));
  }

  #row(records: Records, readings: Readings, row: number): (Row | [string, string])[] {
    const { rejection, origins, sequence, time, identity } = readings;
    if (rejection[row] === PASSED_OVER) return [];
    const start = origins?.start[row] ?? ABSENT;
    if (rejection[row] !== ACCEPTED) {
      const bytes = Buffer.from(records.data.subarray(start, origins?.end[row])).toString("latin1");
      return [[rejectionAt(rejection[row]).code, bytes]];
    }
    const series = origins?.series[row] ?? 0;
    const isTimed = identity[row] === IDENTITY_SEQUENCE;
    const rest = sequence[row] % SERIES_MIN;
    if (isTimed) assert.ok(rest < 1e6 && readings.ownTime[row] === 1);
    else assert.equal(time[row], APPENDED);
    return [
      {
        sensor: this.sensors[series - 1],
        device: Buffer.from(this.devices.bytes(readings.device[row])).toString("latin1"),
        ns: isTimed ? BigInt(time[row]) * 1_000_000n + BigInt(rest) : null,
        value: readings.value[row],
        series: Math.floor(sequence[row] / SERIES_MIN),
      },
    ];
  }
}

function inOrder(records: Records, { count, origins }: Readings): number[] {
  const rows: number[] = [];
  let further = records.count;
  for (let record = 0; record < records.count; record++) {
    rows.push(record);
    while (further < count && origins?.record[further] === record) rows.push(further++);
  }
  return rows;
}

const short = (rows: readonly (Row | [string, string])[]): unknown[] =>
  rows.map((row) => (Array.isArray(row) ? row : [row.sensor, row.device, row.value, row.ns]));

test("what senders write", () => {
  const cases: [string, unknown[]][] = [
    ["cpu,host=a usage_idle=99.5 1", [["cpu_usage_idle", "host=a", 99.5, 1n]]],
    ["cpu value=1", [["cpu", "", 1, null]]],
    [
      'room,device=kitchen\\ one temperature=2.5,state="on, \\"x\\"",n=7i,ok=true 1795740054000000000',
      [
        ["room_temperature", "device=kitchen one", 2.5, 1795740054000000000n],
        ["room_n", "device=kitchen one", 7, 1795740054000000000n],
      ],
    ],
    [
      '°C,domain=sensor,entity_id=kitchen_temp friendly_name_str="Kitchen",value=21.5,battery=80 5',
      [
        ["sensor.kitchen_temp", "domain=sensor,entity_id=kitchen_temp", 21.5, 5n],
        ["sensor.kitchen_temp_battery", "domain=sensor,entity_id=kitchen_temp", 80, 5n],
      ],
    ],
    ["temperature,device=t1,sensor=ds,id=0B value=24.44", [["temperature", "device=t1,id=0B,sensor=ds", 24.44, null]]],
    [
      "m b=1,a=2 7\r\n# a comment\n\n  m b=3 8 \r\n",
      [
        ["m_b", "", 1, 7n],
        ["m_a", "", 2, 7n],
        ["m_b", "", 3, 8n],
      ],
    ],
    [
      'm s="two\nlines, x=1 9",v=1 3\nm v=2',
      [
        ["m_v", "", 1, 3n],
        ["m_v", "", 2, null],
      ],
    ],
    [
      'm s="open,v=1\nm v=2',
      [
        ["line-unreadable", 'm s="open,v=1'],
        ["m_v", "", 2, null],
      ],
    ],
    ["m v=1,v=2 3", [["m_v", "", 2, 3n]]],
    [
      "m v=9007199254740993i,u=18446744073709551615u,w=-7i",
      [
        ["m_v", "", 9007199254740992, null],
        ["m_u", "", 18446744073709552000, null],
        ["m_w", "", -7, null],
      ],
    ],
    [
      "m v=NaN,w=1 2",
      [
        ["not-finite", "m v=NaN,w=1 2"],
        ["m_w", "", 1, 2n],
      ],
    ],
    ["m v=abc", [["not-a-number", "m v=abc"]]],
    ["m v=7.5i", [["not-a-number", "m v=7.5i"]]],
    ["m v=1 2020-01-13", [["time-unreadable", "m v=1 2020-01-13"]]],
    ["m v=1 99999999999999999999", [["time-out-of-range", "m v=1 99999999999999999999"]]],
    ["m,a=1,a=2 v=1", [["line-unreadable", "m,a=1,a=2 v=1"]]],
    ["m,a= v=1", [["line-unreadable", "m,a= v=1"]]],
    ["m,a=1", [["line-unreadable", "m,a=1"]]],
    [",a=1 v=1", [["line-unreadable", ",a=1 v=1"]]],
    ["m v=", [["line-unreadable", "m v="]]],
    ["m v=1,", [["line-unreadable", "m v=1,"]]],
    ["m v=-0", [["m_v", "", 0, null]]],
    ["m\0 v=1", [["m__v", "", 1, null]]],
    ["m v=1\0\n\0", [["m_v", "", 1, null]]],
    ["from value=1", [["from_", "", 1, null]]],
    ["", []],
    ['m s="x",t=T', []],
  ];
  for (const [body, expected] of cases) assert.deepEqual(short(new Door().read(body)), expected, body);
});

test("each unit of times, and times before 1970", () => {
  const times: [string, string, bigint][] = [
    ["ns", "1578928320123456789", 1578928320123456789n],
    ["us", "1578928320123456", 1578928320123456000n],
    ["u", "-1", -1000n],
    ["ms", "1578928320123", 1578928320123000000n],
    ["s", "1578928320", 1578928320000000000n],
    ["m", "26315472", 1578928320000000000n],
    ["h", "438591", 1578927600000000000n],
    ["ns", "-1", -1n],
    ["ns", "0", 0n],
  ];
  for (const [precision, text, ns] of times) {
    assert.deepEqual(short(new Door().read(`m value=1 ${text}`, precision)), [["m", "", 1, ns]]);
  }
});

test("names as they are configured", () => {
  const line = "cpu,host=a,cpu=cpu0 usage=1,value=2";
  const read = (sensor: string[], device: string[]) =>
    new Door().read(line, "ns", { sensor, device }).map((row) => (Array.isArray(row) ? row : [row.sensor, row.device]));
  const all = "cpu=cpu0,host=a";
  assert.deepEqual(read([], []), [
    ["cpu_usage", all],
    ["cpu", all],
  ]);
  assert.deepEqual(read(["{host}.{measurement}"], ["{host}/{cpu}"]), [
    ["a.cpu_usage", "a/cpu0"],
    ["a.cpu", "a/cpu0"],
  ]);
  assert.deepEqual(read(["{none}", "{field}"], ["{none}", "küche"]), [
    ["usage", "kÃ¼che"],
    ["value", "kÃ¼che"],
  ]);
});

test("series that are named alike stay apart by their identity", () => {
  const rows = new Door().read("a,t=1 v=1 5\na,t=2 v=2 5\nb,t=1 v=3 5\na,t=1 v=1 5", "ns", {
    sensor: ["x{field}"],
    device: ["d"],
  });
  const series = rows.map((row) => (Array.isArray(row) ? -1 : row.series));
  assert.equal(new Set(series).size, 3);
  assert.equal(series[0], series[3]);
});

test("names of sensors", () => {
  const names: [string, string][] = [
    ["cpu_usage.idle-1", "cpu_usage.idle-1"],
    ["°C", "degC"],
    ["%", "percent"],
    ["µg/m³", "ug_m3"],
    ["Außen temperatur Küche", "Aussen_temperatur_Kuche"],
    ["温度", "u6e29u5ea6"],
    ["to", "to_"],
    ["..", ".._"],
    ["__proto__", "__proto___"],
  ];
  for (const [text, name] of names) assert.equal(sensorNameOf(text), name);
  const [one, other] = [sensorNameOf("x".repeat(300)), sensorNameOf(`${"x".repeat(299)}y`)];
  assert.equal(one.length, 249);
  assert.notEqual(one, other);
});

test("sensors past the limit are named, and the other lines counted", () => {
  const door = new Door();
  door.max = 1;
  const rows = door.read("a value=1\nb value=2\na value=3");
  assert.deepEqual(short(rows), [
    ["a", "", 1, null],
    ["sensor-unknown", "b value=2"],
    ["a", "", 3, null],
  ]);
});

test("100,000 lines, whole and damaged, are what the reference says", () => {
  const seed = 20_260_113;
  const random = new Random(seed);
  const door = new Door();
  const seriesOf = new Map<string, number>();
  let lines = 0;
  let readings = 0;
  let rejected = 0;
  let passedOver = 0;
  for (let round = 0; lines < 100_000; round++) {
    const precision = random.pick(["ns", "us", "ms", "s", "m", "h"]);
    let body = "";
    for (let i = random.integer(1, 30); i > 0; i--, lines++)
      body += generatedLine(random) + random.pick(["\n", "\n", "\r\n", "\n\n"]);
    if (random.chance(0.4)) body = damaged(random, body);
    const expected = influxReference(body, precision);
    const found = door.read(Buffer.from(body, "latin1"), precision);
    const where = `seed ${seed}, round ${round}, ${precision}: ${JSON.stringify(body)}`;
    const wanted = expected.rows.map((row) =>
      "code" in row ? [row.code, row.line] : [row.sensor, row.device, row.value, row.ns],
    );
    assert.deepEqual(short(found), wanted, where);
    passedOver += expected.passedOver;
    assert.equal(door.unread.passedOver, passedOver, where);
    for (const [i, row] of expected.rows.entries()) {
      const decoded = found[i];
      if ("code" in row || Array.isArray(decoded)) {
        rejected++;
        continue;
      }
      readings++;
      if (row.ns === null) continue;
      const known = seriesOf.get(row.series) ?? decoded.series;
      assert.equal(decoded.series, known, where);
      seriesOf.set(row.series, known);
    }
  }
  // 32 bits: of so many series one or two share a number, which matters only where they share sensor and device.
  assert.ok(new Set(seriesOf.values()).size > seriesOf.size - 5);
  assert.ok(readings > 60_000 && rejected > 5000 && passedOver > 20_000, `${readings}, ${rejected}, ${passedOver}`);
});

test("a large body is cut between lines, into the same readings", () => {
  const random = new Random(7);
  let body = "";
  while (body.length < 600_000) body += `${generatedLine(random)}\n`;
  const expected = influxReference(body, "ns").rows.length;
  assert.ok(atOnce(recordsOfLines(Buffer.from(body, "latin1"), "ns", DEFAULT_NAMING)).records.length >= 4);
  assert.equal(new Door().read(Buffer.from(body, "latin1")).length, expected);
});

function generatedLine(random: Random): string {
  const name = (): string => {
    const pieces = ["a", "b7", "x_", "-", ".", "\\ ", "\\,", "\\=", "\\z", "c"];
    let text = random.pick(["a", "m", "cpu", "value"]);
    for (let i = random.integer(0, 3); i > 0; i--) text += random.pick(pieces);
    return text;
  };
  let line = name();
  const tags = new Set(random.chance(0.1) ? ["domain", "entity_id"] : []);
  for (let i = random.integer(0, 3); i > 0; i--) tags.add(name());
  for (const tag of tags) line += `,${tag}=${name()}`;
  const fields: string[] = [];
  for (let i = random.integer(1, 4); i > 0; i--)
    fields.push(`${random.chance(0.3) ? "value" : name()}=${value(random)}`);
  line += random.pick([" ", " ", " ", "  "]) + fields.join(",");
  return random.chance(0.8) ? `${line} ${time(random)}` : line;
}

function value(random: Random): string {
  const digits = String(random.integer(0, 99_999));
  return random.pick([
    digits,
    `${digits}.${random.integer(0, 999)}`,
    `-${digits}i`,
    `${digits}u`,
    `${digits}e${random.integer(-160, 160)}`,
    `.${digits}`,
    `${digits}123456789012i`,
    random.pick(["t", "FALSE", "true", '""', '"x"', '"a, b=1 \\" \\\\"', '"two\nlines v=1"']),
    random.pick(["NaN", "-Inf", "+5", "7.5i", "-7u", "abc", "1e", "1.", "0e-400", "1e400"]),
  ]);
}

function time(random: Random): string {
  const digits = String(random.integer(1, 2 ** 31)) + String(random.integer(0, 999_999_999)).padStart(9, "0");
  return (random.chance(0.1) ? "-" : "") + digits.slice(0, random.integer(1, 20));
}

function damaged(random: Random, body: string): string {
  let text = body;
  for (let i = random.integer(1, 6); i > 0; i--) {
    const at = random.integer(0, text.length);
    const put = random.pick(["", "", '"', " ", ",", "=", "\\", "\n", "#", "\0", "\t", "i", "-", '="', "é"]);
    text = text.slice(0, at) + put + text.slice(at + random.integer(0, 2));
  }
  return text;
}
