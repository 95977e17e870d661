/**
 * Corrections over HTTP while a server takes readings in and is killed. One that was answered with 200 holds ever after, one that was refused is not
 * there, one without an answer is wholly there or not at all: the list says which, and history.corrections where in the log each lies.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { decodeRecord } from "../oracle/decode.ts";
import type { Asked } from "../oracle/deletions.ts";
import type { History } from "../oracle/generator.ts";
import { type Arrival, logOf, type Oracle } from "../oracle/oracle.ts";
import { Seeded } from "../oracle/seeded.ts";
import type { CountedReading } from "../oracle/statistics.ts";
import type { HttpClient, Status } from "./http-client.ts";

/** Corrections that are tried at most, and how long after one the next comes, ms. */
const MOST = 60;
const PAUSE_MS = { low: 5, high: 500 };
const OF_A_DEVICE = 0.4;
/** One deletion reaches so many stretches of ten minutes, those of devices too: longer windows are mostly refused. */
const SECONDS_MAX = 20 * 86_400;
const METRICS = ["count", "sum", "min", "max", "average", "first", "last", "seconds"];
const DEVICES_ASKED = 6;
const JSON_TYPE = { "content-type": "application/json" };
/** What a correction may be refused with, and is not made then. */
const REFUSED = new Set(["not-found", "no-device-series", "correction-refused", "request-invalid"]);

/** A correction as it was tried; `tag` is who says so. */
interface Tried {
  readonly tag: string;
  readonly what: Deleting | { readonly undo: number } | { readonly sensor: string; readonly to: string };
  /** Without an answer it may be made. */
  outcome: "made" | "refused" | "unknown";
  number: number | null;
  readings: number;
  /** Readings of the sensor that were received before it was tried, and once it was answered. */
  before: number;
  after: number;
}

type Deleting = Omit<Asked, "device"> & { readonly device: string | null };

interface Listed {
  readonly number: number;
  readonly by: string;
  readonly undone: { readonly by: string } | null;
}

/** A line of history.corrections. */
interface Kept extends Listed {
  readonly kind: "delete" | "rename";
  readonly root: string;
  readonly sensor: string;
  readonly to: string;
  readonly device: string | null;
  readonly window: readonly [start: number, end: number];
  readonly marks: readonly (readonly [topic: string, partition: number, id: string, next: number])[];
}

/** Of one run, on a log of one partition. */
export class CrashCorrections {
  readonly #data: string;
  readonly #zone: string;
  readonly #sensors: readonly string[];
  readonly #windows: ReturnType<History["randomWindows"]>;
  readonly #random: Seeded;
  readonly #tried: Tried[] = [];
  /** All names that a sensor may have, by its first. */
  readonly #names: ReadonlyMap<string, string[]>;

  constructor(history: History, data: string) {
    this.#data = data;
    this.#zone = history.options.zone;
    this.#sensors = history.options.sensors;
    this.#windows = history.randomWindows(200).filter(({ start, end }) => end - start <= SECONDS_MAX);
    this.#random = new Seeded(history.options.seed + 1);
    this.#names = new Map(this.#sensors.map((sensor) => [sensor, [sensor]]));
  }

  /** Makes some, one after the other, until it is over. */
  async make(client: () => Promise<HttpClient>, isOver: () => boolean): Promise<void> {
    while (!isOver() && this.#tried.length < MOST) {
      await delay(this.#random.scale(PAUSE_MS.low, PAUSE_MS.high));
      try {
        await this.#one(await client());
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        // The process is gone: nobody knows.
      }
    }
  }

  async #one(client: HttpClient): Promise<void> {
    const random = this.#random;
    const sensor = random.pick(this.#sensors);
    const made = this.#tried.filter(({ outcome }) => outcome === "made");
    const what = random.pick(["delete", "delete", "delete", "undo", "rename"]);
    if (what === "undo" && made.length > 0) {
      const { number } = random.pick(made);
      if (number !== null) await this.#try(client, "undo", { undo: number }, { number });
    } else if (what === "rename") {
      const to = `${sensor}-${this.#tried.length}`;
      this.#names.get(sensor)?.push(to);
      await this.#try(client, "rename", { sensor, to }, { sensor, to });
    } else {
      const { start, end } = random.pick(this.#windows);
      const device = random.chance(OF_A_DEVICE) ? await this.#device(client, sensor) : null;
      const body = { sensor, from: start * 1000, toExclusive: end * 1000, ...(device === null ? {} : { device }) };
      await this.#try(client, "delete", { sensor, device, start, end }, body);
    }
  }

  async #device(client: HttpClient, sensor: string): Promise<string | null> {
    const { status, text } = await client.get(`/devices?sensor=${sensor}&limit=50`);
    if (status !== 200) return null;
    const { items }: { items: { device: string; hasSeries: boolean }[] } = JSON.parse(text);
    const own = items.filter(({ hasSeries }) => hasSeries);
    return own.length === 0 ? null : this.#random.pick(own).device;
  }

  async #try(client: HttpClient, path: string, what: Tried["what"], body: object): Promise<void> {
    const tag = `try-${this.#tried.length}`;
    const received = async (): Promise<number> =>
      "sensor" in what ? (this.rooted(await client.statuses()).get(what.sensor)?.received ?? 0) : 0;
    const before = await received();
    const tried: Tried = { tag, what, outcome: "unknown", number: null, readings: 0, before, after: Infinity };
    this.#tried.push(tried);
    const sent = JSON.stringify({ ...body, by: tag });
    const { status, text } = await client.post(`/corrections/${path}`, sent, JSON_TYPE);
    const answer = JSON.parse(text);
    if (status === 200) {
      tried.outcome = "made";
      if (path !== "undo") tried.number = answer.correction.number;
      tried.readings = answer.correction.readings;
      tried.after = await received();
    } else if (status !== 503 && status !== 429) {
      assert.ok(REFUSED.has(answer.code), `${sent}: ${text}`);
      tried.outcome = "refused";
    }
  }

  /** By the first name of each. */
  rooted(statuses: ReadonlyMap<string, Status>): Map<string, Status> {
    const roots = new Map([...this.#names].flatMap(([root, names]) => names.map((name) => [name, root] as const)));
    return new Map([...statuses].map(([name, status]) => [roots.get(name) ?? name, status]));
  }

  /** Has the oracle know what was made. @param listed what the server says, from before it ended @returns how many there are */
  tell(oracle: Oracle, arrivals: readonly Arrival[], listed: readonly Listed[], note: string): number {
    const kept = this.#kept();
    const known = ({ number, by, undone }: Listed) => ({ number, by, undone: undone?.by ?? null });
    assert.deepEqual(kept.map(known), listed.map(known), note);
    const by = new Map(kept.map((each) => [each.by, each]));
    const undone = new Map(kept.flatMap((each) => (each.undone === null ? [] : [[each.undone.by, each.number]])));
    assert.equal(by.size, kept.length, `${note}: one that was tried once is there twice`);
    let active: Kept[] = [];
    for (const { tag, what, outcome, number, readings, before, after } of this.#tried) {
      const now = by.get(tag);
      if ("undo" in what) {
        if (outcome === "made") assert.equal(undone.get(tag), what.undo, `${note}: the undo ${tag} was answered`);
        if (outcome === "refused") assert.equal(undone.get(tag), undefined, `${note}: the undo ${tag} was refused`);
        if (undone.has(tag)) active = active.filter((each) => each.number !== what.undo);
        continue;
      }
      if (outcome === "made") assert.equal(now?.number, number, `${note}: ${tag} was answered`);
      if (outcome === "refused" || now === undefined) {
        assert.equal(now, undefined, `${note}: ${tag} was refused`);
        continue;
      }
      if (now.kind === "rename" || "to" in what) continue;
      const asked = { sensor: now.root, device: now.device, start: now.window[0], end: now.window[1] };
      assert.deepEqual(asked, what, `${note}: ${tag}`);
      const [mark] = [...markOf(now).values(), 0];
      const read = arrivals.filter(({ sensor, offset }) => sensor === now.root && offset < mark);
      const received = read.reduce((sum, { value }) => sum + decodeRecord(value, this.#zone).length, 0);
      assert.ok(
        before <= received && received <= after,
        `${note}: ${tag}: ${before} to ${after} were received, its mark says ${received}`,
      );
      const own = active.filter(({ root }) => root === now.root);
      const takes = (reading: CountedReading): boolean =>
        isTaken(now, reading) && !own.some((each) => isTaken(each, reading));
      if (outcome === "made") assert.equal(readings, oracle.counted(now.root).filter(takes).length, `${note}: ${tag}`);
      active.push(now);
    }
    for (const each of kept) {
      if (each.kind === "rename" || each.undone !== null) continue;
      const device = each.device === null ? null : latin1(each.device);
      oracle.delete({ sensor: each.root, device, start: each.window[0], end: each.window[1] }, markOf(each));
    }
    return kept.length;
  }

  /** Each correction's newest line. */
  #kept(): Kept[] {
    const kept = new Map<string, Kept>();
    for (const line of readFileSync(join(this.#data, "history.corrections"), "utf8").trimEnd().split("\n")) {
      const [name, value] = line.slice(9).split("\t");
      if (value !== undefined) kept.set(name, JSON.parse(value));
    }
    return [...kept.values()].sort((a, b) => a.number - b.number);
  }

  /** What the server says, all of it. */
  async listed(client: HttpClient): Promise<readonly Listed[]> {
    return JSON.parse((await client.get("/corrections?limit=1000")).text).items;
  }

  /** The series of devices, over what was deleted. @returns the number of values compared */
  async compareDevices(client: HttpClient, oracle: Oracle, note: string): Promise<number> {
    let comparisons = 0;
    const deletings = this.#tried.flatMap(({ what }) => ("start" in what ? [what] : []));
    for (const { sensor, start, end } of deletings.slice(0, DEVICES_ASKED)) {
      for (const name of oracle.devices(sensor).withSeries(DEVICES_ASKED)) {
        const device = Buffer.from(name, "latin1").toString("utf8");
        const asked = JSON.stringify({ [sensor]: METRICS, from: start * 1000, toExclusive: end * 1000 });
        const path = `/compute/metrics?receipt=true&device=${encodeURIComponent(device)}`;
        const { status, text } = await client.post(path, asked, JSON_TYPE);
        assert.equal(status, 200, `${note}: device ${device} of ${sensor}: ${text}`);
        const { result } = JSON.parse(text);
        for (const metric of METRICS) {
          const fault = oracle.fault(sensor, start, end, metric, result[sensor][metric], null, name);
          assert.equal(fault, null, `${note}: ${fault}`);
          comparisons++;
        }
      }
    }
    return comparisons;
  }

  /** The next start makes the history anew from the log, and from what was kept of corrections. */
  removeHistory(): void {
    for (const name of ["db", "db-wal", "db-shm", "sums", "ends"])
      rmSync(join(this.#data, `history.${name}`), { force: true });
  }
}

function isTaken(
  { window: [start, end], device, ...kept }: Kept,
  { time, device: of, origin }: CountedReading,
): boolean {
  const second = Math.floor(time / 1000);
  if (second < start || second >= end || (device !== null && latin1(device) !== (of ?? ""))) return false;
  return origin !== undefined && origin.offset < (markOf(kept).get(origin.log) ?? 0);
}

function markOf({ marks }: Pick<Kept, "marks">): ReadonlyMap<string, number> {
  return new Map(marks.map(([_, partition, topicId, next]) => [logOf({ topicId, partition }), next]));
}

/** The bytes of a name, as the oracle has them. */
function latin1(name: string): string {
  return Buffer.from(name, "utf8").toString("latin1");
}
