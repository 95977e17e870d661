/** What a tidemark answers over HTTP against what the oracle says. */
import assert from "node:assert/strict";
import type { Arrival } from "../oracle/oracle.ts";
import { Oracle } from "../oracle/oracle.ts";
import type { Interval } from "../oracle/statistics.ts";
import type { AskedWindow } from "../oracle/windows.ts";
import type { HttpClient, Status } from "./http-client.ts";
import { latin1, type SentRecord } from "./requests.ts";

/** Every named metric of the contract, and percentiles of all kinds. */
const METRIC_NAMES: readonly string[] = (
  "count average mean min max sum range variance stddev populationVariance populationStddev median first last rate seconds " +
  "p0 p1 p25 p50 p90 p99 p99.9 p100"
).split(" ");

/** Windows asked for at one time. */
const ASKED_AT_ONCE = 4;

export type WindowAnswer = Readonly<Record<string, Readonly<Record<string, number | null>>>>;

interface Receipt {
  readonly sensors: Readonly<
    Record<string, { readonly late: number; readonly quantiles: { readonly intervals: Record<string, Interval> } }>
  >;
}

export interface Asked {
  readonly window: AskedWindow;
  readonly answer: WindowAnswer;
  /** When it was asked, and when the answer was there. */
  readonly fromMs: number;
  readonly toMs: number;
  /** By sensor and metric, of quantiles: what the receipt says. */
  readonly intervals: Readonly<Record<string, Readonly<Record<string, Interval>>>>;
  /** By sensor: how many of the readings came late, as the receipt says. */
  readonly late: Readonly<Record<string, number>>;
}

/** Asks for all metrics of all sensors over each window; how bounds are written alternates between epoch ms, UTC and an offset. */
export async function ask(
  client: HttpClient,
  sensors: readonly string[],
  windows: readonly AskedWindow[],
): Promise<Asked[]> {
  const asked: Asked[] = [];
  for (let at = 0; at < windows.length; at += ASKED_AT_ONCE) {
    const group = windows.slice(at, at + ASKED_AT_ONCE);
    asked.push(...(await Promise.all(group.map((window, i) => askOne(client, sensors, window, at + i)))));
  }
  return asked;
}

async function askOne(client: HttpClient, sensors: readonly string[], window: AskedWindow, i: number): Promise<Asked> {
  const metrics = Object.fromEntries(sensors.map((sensor) => [sensor, METRIC_NAMES]));
  // Both bounds belong to the window: the last second is named.
  const bounds = { from: written(window.start, i), to: written(window.end - 1, i) };
  const fromMs = Date.now();
  const answer = await client.post("/compute/metrics?receipt=true", JSON.stringify({ ...metrics, ...bounds }));
  const toMs = Date.now();
  assert.equal(answer.status, 200, `${JSON.stringify(bounds)}: ${answer.text}`);
  const body = JSON.parse(answer.text) as { result: WindowAnswer; errors: string[]; receipt: Receipt };
  assert.deepEqual(body.errors, []);
  const intervals = Object.entries(body.receipt.sensors).map(([sensor, { quantiles }]) => [
    sensor,
    quantiles.intervals,
  ]);
  const late = Object.fromEntries(
    Object.entries(body.receipt.sensors).map(([sensor, { late: count }]) => [sensor, count]),
  );
  return { window, answer: body.result, fromMs, toMs, intervals: Object.fromEntries(intervals), late };
}

/** What does not depend on when it was asked: all but the rates, which count the seconds that have passed. */
export function timeless(asked: readonly Asked[]): object[] {
  return asked.map(({ window, answer, intervals }) => {
    const others = Object.entries(answer).map(([sensor, { rate, ...metrics }]) => [sensor, metrics]);
    return { window, answer: Object.fromEntries(others), intervals };
  });
}

function written(second: number, i: number): number | string {
  const iso = new Date(second * 1000).toISOString().slice(0, 19);
  const looksLikeSeconds = Math.abs(second * 1000) >= 1e9 && Math.abs(second * 1000) < 1e10;
  if (i % 3 === 0 && !looksLikeSeconds) return second * 1000;
  if (i % 3 === 1) return `${iso}Z`;
  return `${new Date((second + 5400) * 1000).toISOString().slice(0, 19)}+01:30`;
}

/** An oracle that has received these arrivals. */
export function oracleOf(arrivals: readonly Arrival[], zone: string): Oracle {
  const oracle = new Oracle({ zone });
  for (const arrival of arrivals) oracle.receive(arrival);
  return oracle;
}

/** What `rate` may be: its window is taken as far as it has passed, by a clock that was read between question and answer. */
function ratesOf(oracle: Oracle, sensor: string, { window, fromMs, toMs }: Asked): number[] {
  const { start, end } = window;
  const count = oracle.answer(sensor, start, end, "count") ?? 0;
  const newest = oracle.span([sensor])?.newest ?? Number.NEGATIVE_INFINITY;
  const rates: number[] = [];
  for (let now = Math.floor(fromMs / 1000); now <= Math.floor(toMs / 1000); now++) {
    const passed = Math.min(end, Math.max(now, Math.floor(newest / 1000)) + 1);
    rates.push(count / (passed > start ? passed - start : end - start));
  }
  return rates;
}

/** @returns the number of values compared */
export function compareAnswers(oracle: Oracle, asked: readonly Asked[], note: string): number {
  let comparisons = 0;
  for (const each of asked) {
    const { window, answer, intervals, late } = each;
    for (const [sensor, metrics] of Object.entries(answer)) {
      // Where copies came in several partitions, which of them counts depends on the order of reading.
      const { fewest, most } = oracle.sample(sensor, window.start, window.end).late;
      const isLate = fewest <= late[sensor] && late[sensor] <= most;
      assert.ok(
        isLate,
        `${note}, a window "${window.kind}": late of ${sensor}: ${late[sensor]}, not ${fewest} to ${most}`,
      );
      comparisons++;
      for (const name of METRIC_NAMES) {
        const got = metrics[name];
        assert.notEqual(got, undefined, `${note}: ${name} of ${sensor} is not answered`);
        if (name === "rate") {
          assert.ok(ratesOf(oracle, sensor, each).includes(got ?? Number.NaN), `${note}: rate of ${sensor}, ${got}`);
          comparisons++;
          continue;
        }
        const fault = oracle.fault(
          sensor,
          window.start,
          window.end,
          name,
          got ?? null,
          intervals[sensor]?.[name] ?? null,
        );
        assert.equal(fault, null, `${note}, a window "${window.kind}": ${fault}`);
        comparisons++;
      }
    }
  }
  return comparisons;
}

export function compareTotals(oracle: Oracle, statuses: ReadonlyMap<string, Status>, note: string): void {
  for (const [sensor, status] of statuses) {
    const wanted = oracle.totals(sensor);
    const { received, counted, duplicates, quarantined, rejected, implicitBoots, identities } = status;
    const { conflicts, late: _, ...exact } = wanted;
    assert.deepEqual(
      { received, counted, duplicates, quarantined, rejected, implicitBoots, identities },
      exact,
      `${note}, totals of ${sensor}`,
    );
    assert.equal(received, counted + duplicates + quarantined + rejected, `${note}, ${sensor}`);
    assert.equal(status.deleted, oracle.deleted(sensor), `${note}, deleted of ${sensor}`);
    assert.ok(status.conflicts <= conflicts, `${note}, ${sensor}: conflicts ${status.conflicts} of ${conflicts}`);
    assert.equal(status.gapRecords + status.cutRecords, 0, `${note}, ${sensor}`);
  }
}

/** How often each record is there, by sensor, key and value. */
export class RecordCounts {
  readonly #counts = new Map<string, number>();

  add(sensor: string, { key, value }: Pick<Arrival, "key" | "value"> | SentRecord): void {
    const name = `${sensor}\0${key === null ? "" : latin1(key)}\0${value === null ? "" : latin1(value)}`;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** Records that are more often here than there, as texts. */
  beyond(other: RecordCounts): string[] {
    return [...this.#counts]
      .filter(([name, count]) => count > (other.#counts.get(name) ?? 0))
      .map(([name, count]) => `${JSON.stringify(name)}: ${count}, not ${other.#counts.get(name) ?? 0}`);
  }

  static of(arrivals: readonly Arrival[]): RecordCounts {
    const counts = new RecordCounts();
    for (const arrival of arrivals) counts.add(arrival.sensor, arrival);
    return counts;
  }
}
