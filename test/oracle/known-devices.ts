/** What the oracle knows of the devices of a sensor. */

/** What is known of a device of a sensor. */
interface Device {
  /** Its name: bytes as latin1; "": none. */
  readonly name: string;
  readings: number;
  duplicates: number;
  conflicts: number;
  late: number;
  /** Held back now. */
  heldBack: number;
}

/** Devices of one sensor. */
export class KnownDevices {
  /** In the order in which they were heard of. */
  readonly #all = new Map<string, Device>();
  /** Names, in the order of their first counted readings. */
  readonly #counted = new Set<string>();

  get all(): readonly Device[] {
    return [...this.#all.values()];
  }

  of(name: string): Device {
    let device = this.#all.get(name);
    if (device === undefined) {
      device = { name, readings: 0, duplicates: 0, conflicts: 0, late: 0, heldBack: 0 };
      this.#all.set(name, device);
    }
    return device;
  }

  count(name: string, isLate: boolean): void {
    const device = this.of(name);
    device.readings++;
    if (isLate) device.late++;
    this.#counted.add(name);
  }

  /** Names of the first `most` of which readings were counted: they have a series of their own. Not readings of no device. */
  withSeries(most: number): readonly string[] {
    return [...this.#counted].filter((name) => name !== "").slice(0, most);
  }
}
