/** Takes the readings of a deletion out of a sensor's series and those of its devices, and gives them back. */
import { TidemarkError } from "../core/errors.ts";
import { formatSecond } from "../core/time.ts";
import { EVER, type Window } from "../core/window.ts";
import { Aggregate } from "../metrics/aggregate.ts";
import { SECONDS_PER_PAGE } from "../rollups/levels.ts";
import type { SecondsPage } from "../rollups/seconds-page.ts";
import type { Deletion } from "./correction.ts";
import type { DeviceOwn } from "./device-rows.ts";
import { ALL_DEVICES } from "./removed.ts";
import type { Series } from "./sensors.ts";
import type { State } from "./state.ts";

/** Pages of seconds that one deletion may look at, of ten minutes each, those of devices too: some seconds of work, and what waits for its commit. */
const PAGES_MAX = 20_000;

const NUMBERS = { sums: true, quantiles: false };

/** What a deletion would take, and leave of its window. */
interface Parts {
  readonly taken: Aggregate;
  readonly left: Aggregate;
}

/**
 * In the serial queue, right after a commit. What a sensor's series holds of a second is what those of its devices hold, where all of them
 * have one: so one device can be taken out of it. What is taken is held twice, as all of a deletion and by device.
 */
export class Taker {
  readonly #state: State;

  constructor(state: State) {
    this.#state = state;
  }

  /** Readings that a deletion holds. */
  heldBy({ number, window }: Deletion): number {
    const series = this.#state.removed.find(number, ALL_DEVICES);
    return series === undefined ? 0 : this.#query(series, window).count;
  }

  #query(series: number, window: Window): Aggregate {
    return this.#state.history.query(series, window, NUMBERS).aggregate;
  }

  async preview(series: Series, device: string | null, window: Window): Promise<Parts> {
    const whole = this.#query(series.id, window);
    const own = this.#takenOf(series, device);
    if (own === null) return { taken: new Aggregate(NUMBERS), left: whole };
    if (this.#isAll(series, own)) return { taken: whole, left: new Aggregate(NUMBERS) };
    this.mustBeAble(series, device, window);
    const left = new Aggregate(NUMBERS);
    await this.#state.inSlices(
      this.#others(series, own, window, (seconds) => seconds.mergeInto(left, 0, SECONDS_PER_PAGE, true)),
    );
    return { taken: this.#query(own.series, window), left };
  }

  /** The device that is meant; "all", or null: one of which nothing was counted. */
  #takenOf(series: Series, device: string | null): DeviceOwn | "all" | null {
    if (device === null) return "all";
    const { identities, deviceSeries, bounds } = this.#state;
    const known = identities.device(series.id, device);
    if (known === null || known.readings === 0) return null;
    const own = deviceSeries.ofDevice(series, known.id);
    if (own !== null) return own;
    const why =
      bounds.deviceSeries === 0 ? "devices have none (device-series is 0)" : "it came too late, or has no name";
    throw new TidemarkError(
      "no-device-series",
      `Cannot delete device "${device}" of "${series.name}": it has no series of its own, as ${why}`,
    );
  }

  #isAll({ id }: Series, own: DeviceOwn | "all"): own is "all" {
    return own === "all" || own.series === id;
  }

  /** @throws TidemarkError "request-invalid" | "no-device-series" | "correction-refused" why it cannot be deleted; nothing is changed then */
  mustBeAble(series: Series, device: string | null, window: Window): void {
    const { history, deviceSeries, removed } = this.#state;
    const own = this.#takenOf(series, device);
    const devices = deviceSeries.settled(series).filter((each) => each.series !== series.id);
    removed.mustHaveRoom(devices.length + 2);
    let pages = history.pagesIn(series.id, window).length;
    for (const each of devices) pages += history.pagesIn(each.series, window).length;
    if (pages > PAGES_MAX) {
      const what = `a deletion reaches <= ${PAGES_MAX} stretches of ten minutes of a sensor and its devices, these are ${pages}`;
      throw new TidemarkError("request-invalid", `Cannot delete from "${series.name}": ${what}; delete in parts`);
    }
    if (own === null || this.#isAll(series, own)) return;
    for (const number of history.pagesIn(series.id, window)) {
      const seconds = history.seconds(series.id, number, window);
      const sum = history.seconds(own.series, number, window);
      for (const each of devices) if (each !== own) sum.merge(history.seconds(each.series, number, window));
      if (history.areSame(seconds, sum)) continue;
      const what = `not all readings from ${formatSecond(seconds.start)} on are of devices with a series of their own that holds all they sent`;
      throw new TidemarkError("correction-refused", `Cannot delete device "${device}" of "${series.name}": ${what}`);
    }
  }

  /** Hands what the other devices hold over, page by page. Yields after each. */
  *#others(series: Series, own: DeviceOwn, window: Window, take: (seconds: SecondsPage) => void): Generator<number> {
    const { history, deviceSeries } = this.#state;
    const devices = deviceSeries.settled(series).filter((each) => each !== own && each.series !== series.id);
    for (const number of history.pagesIn(series.id, window)) {
      const sum = history.seconds(series.id, number, { start: 0, end: 0 });
      for (const each of devices) sum.merge(history.seconds(each.series, number, window));
      take(sum);
      yield 0;
    }
  }

  /** Takes what a deletion takes. Yields how many readings that are. */
  *remove({ number, device, window: asked }: Deletion, series: Series): Generator<number> {
    const { history, removed, deviceSeries } = this.#state;
    const { id, totals } = series;
    const window = { ...asked, start: Math.max(asked.start, totals.keptSince) };
    const own = this.#takenOf(series, device);
    const held = (of: number): number => removed.seriesOf(number, id, of);
    let count = 0;
    if (own === null) return;
    if (this.#isAll(series, own)) {
      for (const each of deviceSeries.settled(series)) {
        const isSole = each.series === id;
        for (const page of history.pagesIn(each.series, window)) {
          const taken = isSole ? history.seconds(id, page, window) : history.takeSeconds(each.series, page, window);
          history.addSeconds(held(each.device), taken);
          yield 0;
        }
      }
      for (const page of history.pagesIn(id, window)) {
        const taken = history.takeSeconds(id, page, window);
        count += taken.count;
        history.addSeconds(held(ALL_DEVICES), taken);
        yield 0;
      }
    } else {
      const left: SecondsPage[] = [];
      yield* this.#others(series, own, window, (seconds) => left.push(seconds));
      for (const page of history.pagesIn(own.series, window)) {
        const taken = history.takeSeconds(own.series, page, window);
        count += taken.count;
        history.addSeconds(held(ALL_DEVICES), history.copyOf(own.series, taken));
        history.addSeconds(held(own.device), taken);
        yield 0;
      }
      for (const page of history.pagesIn(id, window)) {
        history.takeSeconds(id, page, window).release();
        yield 0;
      }
      for (const seconds of left) history.addSeconds(id, seconds);
    }
    totals.deleted += count;
    this.#setEnds(series);
    yield count;
  }

  /** Gives back what a deletion holds; what a later one takes as well goes to that. Yields how many readings come back. */
  *restore({ number, device, window }: Deletion, series: Series): Generator<number> {
    const { history, ledger, removed, deviceSeries } = this.#state;
    const { id, name, totals } = series;
    const devices = new Map(deviceSeries.settled(series).map((own) => [own.device, own.series]));
    let count = 0;
    for (const { series: held, device: of } of removed.of(number)) {
      for (const later of ledger.deletionsOf(name)) {
        if (later.number < number || (later.device !== null && later.device !== device)) continue;
        const start = Math.max(window.start, later.window.start);
        const end = Math.min(window.end, later.window.end);
        if (start >= end) continue;
        for (const _ of history.moveSeconds(held, removed.seriesOf(later.number, id, of), { start, end })) yield 0;
      }
      const to = of === ALL_DEVICES ? id : devices.get(of);
      for (const page of history.pagesIn(held, window)) {
        const taken = history.takeSeconds(held, page, window);
        if (taken.start + SECONDS_PER_PAGE <= totals.keptSince) continue;
        if (of === ALL_DEVICES) count += taken.count;
        // Of a sensor's only device the sensor's series is its own.
        if (to !== undefined && (of === ALL_DEVICES || to !== id)) history.addSeconds(to, taken);
        yield 0;
      }
    }
    removed.drop(number);
    totals.deleted -= count;
    this.#setEnds(series);
    yield count;
  }

  /** The first and the newest reading of the sensor and its devices, once others than before are in their series. */
  #setEnds(series: Series): void {
    const { identities, deviceSeries } = this.#state;
    const { totals } = series;
    const window = { ...EVER, start: Math.max(EVER.start, totals.keptSince) };
    const ends = endsOf(this.#query(series.id, window));
    // Older ones than it is kept are in no window, and stay counted.
    if (totals.expired === 0) totals.firstTime = ends.firstTime;
    totals.lastTime = ends.lastTime;
    totals.lastValue = ends.lastValue;
    series.changed = true;
    for (const own of deviceSeries.settled(series))
      identities.setEnds(own.device, endsOf(this.#query(own.series, window)));
  }
}

function endsOf({
  count,
  firstTime,
  lastTime,
  lastValue,
}: Aggregate): Pick<Aggregate, "firstTime" | "lastTime" | "lastValue"> {
  if (count > 0) return { firstTime, lastTime, lastValue };
  return { firstTime: Number.POSITIVE_INFINITY, lastTime: Number.NEGATIVE_INFINITY, lastValue: 0 };
}
