/** Everything that an open history is asked. */
import type { Core } from "../../src/app.ts";
import { METRICS } from "../../src/metrics/registry.ts";
import { shareOf } from "../../src/metrics/share.ts";
import { Seeded } from "../oracle/seeded.ts";
import type { Subject } from "./subject.ts";

/** Random windows that are asked for. */
const WINDOWS = { small: 24, large: 40 };

/** What a sensor, or a list, answers. */
export type Answers = ReadonlyMap<string, string>;

/** Everything that it is asked, of each sensor and each list. */
export function answersOf({ engine }: Core, { size, seed }: Subject): Answers {
  const answers = new Map<string, string>();
  for (const { name, followed } of engine.sensors.list()) {
    // Who was heard from since the start is in `completeUntil`, too.
    const { lastArrival, unreadKeys, repeatedIds, passedOver, lag, completeUntil, ...status } = engine.status(name);
    // Conflicts are found of values that are remembered: a start and a correction forget them.
    const { conflicts, ...totals } = status.totals;
    const texts = [JSON.stringify({ ...status, totals, followed, span: engine.span(name) })];
    const sum = totals.counted + totals.duplicates + totals.quarantined + totals.rejected;
    if (sum !== totals.received) throw new Error(`${name}: received ${totals.received}, the sum is ${sum}`);
    for (const { start, end } of windowsIn(status.firstTime ?? 0, status.lastTime ?? 0, WINDOWS[size], seed)) {
      for (const needs of [
        { sums: true, quantiles: true },
        { sums: false, quantiles: false },
      ]) {
        const { aggregate } = engine.query(name, { start, end }, needs);
        const metrics = METRICS.filter((metric) => (!metric.needs.sums && !metric.needs.quantiles) || needs.sums);
        const numbers = metrics.map((metric) => metric.read(aggregate, end - start));
        if (needs.quantiles && aggregate.count > 0) {
          numbers.push(...["5", "90", "99.9"].map((percent) => aggregate.quantile(shareOf(percent))), aggregate.late);
        }
        texts.push(`${start}-${end} ${numbers.join(" ")}`);
      }
    }
    answers.set(name, texts.join("\n"));
  }
  for (const [list, items] of [
    ["quarantine", engine.listQuarantine({ limit: 1000 }).items],
    ["rejections", engine.listRejections({ limit: 1000 }).items],
  ] as const) {
    for (const [sensor, own] of Map.groupBy(items as readonly { sensor: string }[], (item) => item.sensor)) {
      answers.set(`${list} ${sensor}`, own.map(itemText).sort().join("\n"));
    }
  }
  return answers;
}

/** Of all lengths, the same each time; all time is the first. */
function windowsIn(firstMs: number, lastMs: number, count: number, seed: number): { start: number; end: number }[] {
  const random = new Seeded(seed + 1);
  const [first, last] = [Math.floor(firstMs / 1000), Math.floor(lastMs / 1000) + 1];
  const windows = [{ start: 0, end: 4_000_000_000 }];
  while (windows.length <= count) {
    const length = Math.ceil((last - first) ** random.next());
    const start = first + Math.floor(random.next() * Math.max(1, last - first - length));
    windows.push({ start, end: start + length });
  }
  return windows;
}

/** Numbers that the order of arrival gives, and when it came, are not compared. */
function itemText(item: object): string {
  const texts = Object.entries<unknown>({ ...item, id: 0, arrival: 0 }).map(([name, value]) => {
    return [name, value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value];
  });
  return JSON.stringify(texts);
}

/** Names of what two do not answer alike. */
export function differing(right: Answers, is: Answers): string[] {
  return [...new Set([...right.keys(), ...is.keys()])].filter((name) => right.get(name) !== is.get(name));
}
