/** `tidemark sensors`: all sensors and how they are doing. */
import type { ClientConfig } from "../config/client-config.ts";
import type { SensorColumn, SensorsConfig } from "../config/send-config.ts";
import { ageText, countText, NOTHING, rateText, valueText } from "../core/figures.ts";
import { byName } from "../core/sensor-name.ts";
import { type Column, tableLines } from "../ui/columns.ts";
import { paintIn } from "../ui/paint.ts";
import { ask, fieldsOf, printJson, requireSuccess } from "./client.ts";
import { knownSensors, nameOf, namesMeant, type SensorFields } from "./known-sensors.ts";
import type { Terminal } from "./run.ts";

/** Sensors of one question about rates: names of 100 bytes are then half of what a question may have. */
const RATES_ASKED = 300;

/** A lag worth a word, records: fewer are just on their way. */
const LAG_NOTED = 1000;

/** A sensor as it is shown. */
interface Row {
  readonly fields: SensorFields;
  readonly name: string;
  /** Readings a second over the last minute. */
  readonly rate: number;
  /** Of the newest reading, ms; null: there is none. */
  readonly ageMs: number | null;
  readonly trouble: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "SENSOR", width: 11, rank: 0, left: true, cell: (row) => row.name },
  { title: "COUNT", width: 6, rank: 0, cell: (row) => countText(numberOf(row, "counted")) },
  { title: "RATE", width: 4, rank: 2, cell: (row) => rateText(row.rate) },
  { title: "LAST", width: 5, rank: 1, cell: (row) => valueText(numberOrNull(row, "lastValue")) },
  { title: "AGE", width: 4, rank: 0, cell: (row) => ageText(row.ageMs) },
  { title: "LATE", width: 4, rank: 4, cell: (row) => countText(numberOf(row, "late")) },
  { title: "DUPL", width: 4, rank: 4, cell: (row) => countText(numberOf(row, "duplicates")) },
  {
    title: "HELD",
    width: 4,
    rank: 3,
    cell: (row) => countText(heldOf(row)),
    warns: (row) => heldOf(row) > 0,
  },
  {
    title: "TROUBLE",
    width: 7,
    rank: 5,
    left: true,
    cell: (row) => row.trouble || NOTHING,
    warns: (row) => row.trouble !== "",
  },
];

/** Where they are sorted by a number: the largest first. */
const KEYS: Readonly<Record<Exclude<SensorColumn, "name">, (row: Row) => number>> = {
  count: (row) => numberOf(row, "counted"),
  rate: (row) => row.rate,
  last: (row) => numberOrNull(row, "lastValue") ?? Number.NEGATIVE_INFINITY,
  age: (row) => row.ageMs ?? Number.POSITIVE_INFINITY,
  late: (row) => numberOf(row, "late"),
  duplicates: (row) => numberOf(row, "duplicates"),
  held: heldOf,
  trouble: (row) => row.trouble.length,
};

/** Prints them. @throws TidemarkError "not-found" where a name means none */
export async function sensors(config: SensorsConfig, { out, color, columns }: Terminal): Promise<void> {
  const { client, patterns, sort, json } = config;
  const known = await knownSensors(client);
  const all = known.map(nameOf);
  const meant = new Set(patterns.length === 0 ? all : namesMeant(patterns, all));
  const shown = known.filter((sensor) => meant.has(nameOf(sensor)));
  const rates = await ratesOf(client, shown.map(nameOf));
  const rows = shown.map((fields) => rowOf(fields, rates)).sort((a, b) => compare(sort, a, b));
  if (json) {
    printJson({ items: rows.map(({ fields, rate }) => ({ ...Object.fromEntries(fields), rate })) }, out);
    return;
  }
  if (rows.length === 0) {
    out("no sensors yet: tidemark send NAME 21.5 makes one, tidemark start --simulate simulates three");
    return;
  }
  for (const line of tableLines(COLUMNS, rows, columns, paintIn(color))) out(line);
}

function compare(sort: SensorColumn, a: Row, b: Row): number {
  const inNames = byName(a.name, b.name);
  if (sort === "name") return inNames;
  const [one, other] = [KEYS[sort](a), KEYS[sort](b)];
  return one === other ? inNames : other - one;
}

/** Of the last minute, and the server's clock when it was asked. */
interface Rates {
  readonly byName: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

async function ratesOf(client: ClientConfig, names: readonly string[]): Promise<Rates> {
  const rates = new Map<string, number>();
  let nowMs = 0;
  for (let from = 0; from < names.length; from += RATES_ASKED) {
    const asked = names.slice(from, from + RATES_ASKED);
    const body = { ...Object.fromEntries(asked.map((name) => [name, ["rate"]])), from: "now-1m", toExclusive: "now" };
    const answer = await ask(client, "compute/metrics", { body });
    nowMs = answer.dateMs ?? nowMs;
    const result = fieldsOf(requireSuccess(answer, "ask for the last minute").get("result"));
    for (const name of asked) rates.set(name, Number(fieldsOf(result.get(name)).get("rate") ?? 0));
  }
  return { byName: rates, nowMs };
}

function rowOf(fields: SensorFields, rates: Rates): Row {
  const name = nameOf(fields);
  const last = Date.parse(String(fields.get("lastTime")));
  return {
    fields,
    name,
    rate: rates.byName.get(name) ?? 0,
    ageMs: Number.isNaN(last) ? null : rates.nowMs - last,
    trouble: troubleOf(fields).join(", "),
  };
}

/** What is not as it should be, in a few words each. */
export function troubleOf(fields: SensorFields): string[] {
  const count = (name: string) => Number(fields.get(name) ?? 0);
  const parts: string[] = [];
  const standing = listOf(fields, "standstills").length;
  if (standing > 0) parts.push(`${standing} ${standing === 1 ? "partition stands" : "partitions stand"} still`);
  if (count("lag") >= LAG_NOTED) parts.push(`${countText(count("lag"))} behind`);
  if (count("gapRecords") > 0) parts.push(`${countText(count("gapRecords"))} lost unread`);
  if (count("stuckDevices") > 0) parts.push(`${countText(count("stuckDevices"))} stuck`);
  if (count("conflicts") > 0) parts.push(`${countText(count("conflicts"))} conflicts`);
  const keys = listOf(fields, "unreadKeys").map((each) => String(fieldsOf(each).get("key")));
  if (keys.length > 0) parts.push(`${keys.join(", ")} not read`);
  if (listOf(fields, "repeatedIds").length > 0) parts.push("ids repeat");
  if (fields.get("followed") === false) parts.push("not followed");
  return parts;
}

function listOf(fields: SensorFields, name: string): readonly unknown[] {
  const list = fields.get(name);
  return Array.isArray(list) ? list : [];
}

/** What was not counted, but may be: held back or rejected. */
function heldOf(row: Row): number {
  return numberOf(row, "quarantined") + numberOf(row, "rejected");
}

function numberOf(row: Row, name: string): number {
  return numberOrNull(row, name) ?? 0;
}

function numberOrNull({ fields }: Row, name: string): number | null {
  const value = fields.get(name);
  return typeof value === "number" ? value : null;
}
