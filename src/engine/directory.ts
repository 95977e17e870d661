/** The one list of sensors; its listeners are called when one is added. */

/** A sensor, by its name. */
export interface Sensor {
  readonly name: string;
  /** Its topic is read. False: it has a history, and nothing is added to it. */
  readonly followed: boolean;
}

/** @param before its name until now, when it has another one; null: it has not */
export type OnSensor = (sensor: Sensor, before: string | null) => void;

/** The directory as all but its owner see it. */
export interface SensorDirectory {
  readonly size: number;
  /** Names refused since the start because there were too many sensors. */
  readonly refused: number;
  /** How often sensors got another name since the start. */
  readonly renames: number;
  /** By its name, or one that it had before it was renamed. O(1). */
  find(name: string): Sensor | undefined;
  /** In the order they were added. */
  list(): readonly Sensor[];
  /** Adds a listener, called after a sensor was added, and after `followed` or the name of one changed. @returns removes it */
  onChange(listener: OnSensor): () => void;
}

/** Names listed in an error's text; the rest is counted. */
const NAMES_SHOWN_MAX = 20;

/** The names for a message: `temperature, humidity and 3 more`. */
export function namesShown(sensors: SensorDirectory): string {
  const names = sensors
    .list()
    .slice(0, NAMES_SHOWN_MAX)
    .map(({ name }) => name);
  const left = sensors.size - names.length;
  return `${names.join(", ")}${left === 0 ? "" : ` and ${left} more`}`;
}

/** The directory as its owner has it. Sensors are added, may be renamed, and are never removed. */
export class Directory<T extends Sensor> implements SensorDirectory {
  readonly #byName = new Map<string, T>();
  readonly #list: T[] = [];
  readonly #listeners = new Set<OnSensor>();
  renames = 0;

  get size(): number {
    return this.#list.length;
  }

  /** A directory without a bound refuses none. */
  get refused(): number {
    return 0;
  }

  find(name: string): T | undefined {
    return this.#byName.get(name);
  }

  list(): readonly T[] {
    return this.#list;
  }

  onChange(listener: OnSensor): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Adds a sensor whose name is new. */
  add(sensor: T): void {
    if (this.#byName.has(sensor.name)) throw new Error(`BUG: sensor "${sensor.name}" was added twice`);
    this.#byName.set(sensor.name, sensor);
    this.#list.push(sensor);
    this.changed(sensor);
  }

  /** The sensor has another name since: it keeps its place in the list. */
  protected renamed(sensor: T, before: string): void {
    this.renames++;
    this.#byName.delete(before);
    this.#byName.set(sensor.name, sensor);
    this.changed(sensor, before);
  }

  /** Calls the listeners: the sensor is new, or its `followed` or its name has changed. */
  protected changed(sensor: T, before: string | null = null): void {
    for (const listener of this.#listeners) listener(sensor, before);
  }
}
