/** Whom a rule judges: sensors as a whole, or each of their devices that has a series of its own. */
import { matcherOf } from "../core/sensor-pattern.ts";
import type { Subject } from "./alert.ts";
import type { Rule } from "./rule.ts";
import type { AlertEngine } from "./rule-state.ts";

/** Devices that are asked for at one time. */
const PART = 1000;

/** Keeps the names of devices while there are as many: a device that has a series keeps it. */
export class Subjects {
  readonly #engine: AlertEngine;
  /** By the names and patterns of a rule. */
  readonly #matchers = new WeakMap<readonly string[], (name: string) => boolean>();
  readonly #devices = new Map<string, { readonly count: number; readonly names: readonly string[] }>();

  constructor(engine: AlertEngine) {
    this.#engine = engine;
  }

  /** O(devices of the sensor) when one of them is new. */
  of({ devices }: Rule, sensor: string): readonly Subject[] {
    if (devices === null) return [{ sensor, device: null }];
    let matches = this.#matchers.get(devices);
    if (matches === undefined) {
      matches = matcherOf(devices);
      this.#matchers.set(devices, matches);
    }
    return this.#namesOf(sensor)
      .filter(matches)
      .map((device) => ({ sensor, device }));
  }

  /** Of sensors whose names are other ones by now. */
  forget(): void {
    this.#devices.clear();
  }

  #namesOf(sensor: string): readonly string[] {
    const { deviceSeries: count } = this.#engine.status(sensor);
    const known = this.#devices.get(sensor);
    if (known?.count === count) return known.names;
    const names: string[] = [];
    for (let after: string | undefined; ; ) {
      const part = this.#engine.devices({ sensor, limit: PART, ...(after === undefined ? {} : { after }) });
      for (const { device, hasSeries } of part) if (hasSeries) names.push(device);
      after = part.at(-1)?.device;
      if (part.length < PART || after === undefined) break;
    }
    this.#devices.set(sensor, { count, names });
    return names;
  }
}
