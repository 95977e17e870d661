/** Nanoseconds a record for each way through src/formats, medians of interleaved rounds: `node bench/decode.ts [rounds]`. */
import { Names } from "../src/core/names.ts";
import { Random } from "../src/core/random.ts";
import { Readings } from "../src/core/readings.ts";
import { ABSENT, Records } from "../src/core/records.ts";
import { openZone } from "../src/core/zone.ts";
import { createDecoder } from "../src/formats/decode.ts";
import { Batch, type DecodeContext, OWN_SERIES_ONLY } from "../src/formats/format.ts";
import { JsonParser } from "../src/formats/json/parse.ts";
import { JsonRow } from "../src/formats/json/row.ts";
import { JsonScanner } from "../src/formats/json/scanner.ts";

/** Batches of a topic, and records in each: more bytes than the L2 cache holds, as in a backlog. */
const BATCHES = 20;
const RECORDS = 10_000;
const ROUNDS = Number(process.argv[2] ?? 15);
const DEVICES = 100;
const BASE_MS = 1_763_934_000_000;

interface Sample {
  readonly value: string;
  readonly key?: string;
}

type Run = (records: Records, readings: Readings) => void;

function batchesOf(sample: (index: number, random: Random) => Sample): Records[] {
  const random = new Random(42);
  const batches: Records[] = [];
  for (let b = 0; b < BATCHES; b++) {
    const records = new Records(RECORDS);
    const parts: string[] = [];
    let at = 0;
    for (let i = 0; i < RECORDS; i++) {
      const { key, value } = sample(b * RECORDS + i, random);
      records.offset[i] = b * RECORDS + i;
      records.timestamp[i] = BASE_MS + (b * RECORDS + i) * 10;
      records.keyStart[i] = key === undefined ? ABSENT : at;
      at += key?.length ?? 0;
      records.keyEnd[i] = at;
      records.valueStart[i] = at + 7; // about what a record's own header takes
      at += 7 + value.length;
      records.valueEnd[i] = at;
      parts.push(key ?? "", "\0\0\0\0\0\0\0", value);
    }
    records.count = RECORDS;
    records.data = new Uint8Array(Buffer.from(parts.join(""), "latin1"));
    batches.push(records);
  }
  return batches;
}

function context(): DecodeContext {
  return {
    series: 1,
    seriesOf: OWN_SERIES_ONLY,
    devices: new Names(),
    boots: new Names(),
    zone: openZone("Europe/Berlin"),
  };
}

function decoder(): Run {
  const decoder = createDecoder(context());
  return (records, readings) => decoder.decode(records, readings);
}

/** The scanner alone, as if no shape were ever learned. */
function scanner(): Run {
  const batch = new Batch(context(), new Records(0), new Readings(0));
  const row = new JsonRow(batch.view);
  const scanner = new JsonScanner(batch, row);
  return (records, readings) => {
    batch.begin(records, readings);
    for (let i = 0; i < records.count; i++) {
      if (scanner.scan(records.valueStart[i], records.valueEnd[i], null)) row.write(batch, i);
    }
  };
}

/** JSON.parse alone. */
function parser(): Run {
  const batch = new Batch(context(), new Records(0), new Readings(0));
  const parser = new JsonParser(batch, new JsonRow(batch.view));
  return (records, readings) => {
    batch.begin(records, readings);
    for (let i = 0; i < records.count; i++) parser.decode(i, records.valueStart[i], records.valueEnd[i]);
  };
}

/** What the plainest program does with a bare number. */
function plainNumbers(): Run {
  return (records, readings) => {
    readings.reserve(records.count);
    const data = Buffer.from(records.data.buffer, records.data.byteOffset, records.data.length);
    for (let i = 0; i < records.count; i++) {
      readings.value[i] = Number(data.toString("latin1", records.valueStart[i], records.valueEnd[i]));
      readings.time[i] = records.timestamp[i];
    }
  };
}

const integers = batchesOf((_, random) => ({ value: String(random.integer(0, 100)) }));
const keyed = batchesOf((i, random) => ({ value: String(random.integer(0, 100)), key: `sensor-${i % DEVICES}` }));
const decimals = batchesOf((_, random) => ({ value: (random.next() * 200 - 50).toFixed(2) }));
const doubles = batchesOf((_, random) => ({ value: String(random.next() * 100) }));
const short = batchesOf((i, random) => ({
  value: `{"device":"t-${random.integer(0, DEVICES - 1)}","seq":${100_000 + i},"value":${random.integer(0, 1000) / 10},"ts":${BASE_MS + i * 10}}`,
}));
const sensors = batchesOf((i, random) => ({
  value: `{"device":"temperature-${random.integer(0, 2)}","boot":"0d4f7c2a91be","sequence":${i},"value":${random.integer(0, 100)},"time":"${new Date(BASE_MS + i * 1000).toISOString()}"}`,
}));
const local = batchesOf((i, random) => ({
  value: `{"value":${random.integer(0, 100)},"time":"${new Date(BASE_MS + i * 1000).toISOString().slice(0, 19).replace("T", " ")}"}`,
}));
const spaced = batchesOf((i, random) => ({
  value: `{"id": "01HF${String(i).padStart(8, "0")}", "unit": "\\u00b0C", "value": ${random.integer(0, 1000) / 10}, "ts": ${BASE_MS + i * 10}, "rssi": -${random.integer(40, 90)}}`,
}));

const cases: readonly { name: string; batches: readonly Records[]; run: Run }[] = [
  { name: "bare integers 0-100", batches: integers, run: decoder() },
  { name: "bare integers 0-100, device in the key", batches: keyed, run: decoder() },
  { name: "bare decimals, two places", batches: decimals, run: decoder() },
  { name: "bare doubles, 16-17 digits", batches: doubles, run: decoder() },
  { name: "  peer: Number(text) of the integers", batches: integers, run: plainNumbers() },
  { name: "JSON device, seq, value, ts: learned", batches: short, run: decoder() },
  { name: "JSON device, seq, value, ts: scanner", batches: short, run: scanner() },
  { name: "JSON device, seq, value, ts: JSON.parse", batches: short, run: parser() },
  { name: "JSON with boot and ISO time: learned", batches: sensors, run: decoder() },
  { name: "JSON with boot and ISO time: scanner", batches: sensors, run: scanner() },
  { name: "JSON with boot and ISO time: JSON.parse", batches: sensors, run: parser() },
  { name: "JSON with local time, Europe/Berlin: learned", batches: local, run: decoder() },
  { name: "JSON with id and unknown fields: learned", batches: spaced, run: decoder() },
  { name: "JSON with id and unknown fields: scanner", batches: spaced, run: scanner() },
  { name: "JSON with id and unknown fields: JSON.parse", batches: spaced, run: parser() },
];

const readings = new Readings(RECORDS);
const times: number[][] = cases.map(() => []);
for (let round = 0; round < ROUNDS; round++) {
  cases.forEach(({ batches, run }, index) => {
    for (const records of batches) {
      const start = performance.now();
      run(records, readings);
      // The first rounds compile.
      if (round >= ROUNDS / 3) times[index].push(((performance.now() - start) * 1e6) / RECORDS);
    }
  });
}
console.log(
  `ns a record: median, and the best twentieth (a batch of ${RECORDS} each; other processes disturb it least)`,
);
cases.forEach(({ name, batches }, index) => {
  const sorted = times[index].sort((a, b) => a - b);
  const [median, best] = [sorted[sorted.length >> 1], sorted[Math.floor(sorted.length / 20)]];
  const bytes = batches[0].data.length / RECORDS - 7;
  console.log(
    `${name.padEnd(46)} ${median.toFixed(1).padStart(7)} ${best.toFixed(1).padStart(7)}   ${bytes.toFixed(0).padStart(4)} B`,
  );
});
