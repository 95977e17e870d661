/** The one list of sensors: who needs their names asks it, and is told when one is added. */

/** What people ask for by its name. */
export interface Sensor {
  readonly name: string;
  /** Its topic is read. False: it has a history, and nothing is added to it. */
  readonly followed: boolean;
}

/** What others than its owner may do with the list. */
export interface SensorDirectory {
  readonly size: number;
  /** Names that were refused since the start, as there were too many sensors. */
  readonly refused: number;
  /** O(1). */
  find(name: string): Sensor | undefined;
  /** In the order they were added. */
  list(): readonly Sensor[];
  /** Calls back after a sensor was added, and after one is followed or is so no more. @returns a function that ends it */
  onChange(listener: (sensor: Sensor) => void): () => void;
}

/** Names listed in an error's text; the rest is counted. */
const NAMES_SHOWN_MAX = 20;

/** The names for people, however many there are: `temperature, humidity and 3 more`. */
export function namesShown(sensors: SensorDirectory): string {
  const names = sensors
    .list()
    .slice(0, NAMES_SHOWN_MAX)
    .map(({ name }) => name);
  const left = sensors.size - names.length;
  return `${names.join(", ")}${left === 0 ? "" : ` and ${left} more`}`;
}

/** The list as its owner has it. Sensors are added and never removed. */
export class Directory<T extends Sensor> implements SensorDirectory {
  readonly #byName = new Map<string, T>();
  readonly #list: T[] = [];
  readonly #listeners = new Set<(sensor: T) => void>();

  get size(): number {
    return this.#list.length;
  }

  /** A list without a bound refuses none. */
  get refused(): number {
    return 0;
  }

  find(name: string): T | undefined {
    return this.#byName.get(name);
  }

  list(): readonly T[] {
    return this.#list;
  }

  onChange(listener: (sensor: T) => void): () => void {
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

  /** Tells the listeners that `followed` of the sensor has changed. */
  protected changed(sensor: T): void {
    for (const listener of this.#listeners) listener(sensor);
  }
}
