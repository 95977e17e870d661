/**
 * What one device has sent and whether a reading of it was sent before: the rules of identity, with plain maps.
 * Part of test/oracle, which imports nothing from src/.
 */

/** Whether an identity was seen, and how to take it. */
export interface Place {
  /** The value it first came with; undefined when it is new. */
  readonly first: number | undefined;
  /** Its sequence began anew: it starts a boot of its device. */
  readonly startsBoot: boolean;
  /** Takes the identity for good. */
  hold(): void;
}

/** An implicit boot: the values that each sequence came with. */
type Values = Map<number, Set<number>>;

/** One device, by what tells its readings apart; none of these knows of another. */
export class DeviceIdentities {
  readonly #named = new Map<string, Map<number, number>>();
  readonly #timed = new Map<string, number>();
  readonly #boots: Values[] = [];
  #lastUntimed = -1;

  /** With a boot's name: the sequence in that boot. */
  placeNamed(name: string, sequence: number, value: number): Place {
    let boot = this.#named.get(name);
    if (boot === undefined) this.#named.set(name, (boot = new Map()));
    return placeIn(boot, sequence, value);
  }

  /** Without a boot, with a time of its own: sequence and time. */
  placeTimed(sequence: number, time: number, value: number): Place {
    return placeIn(this.#timed, `${sequence} ${time}`, value);
  }

  /** With neither: sequence and value in the latest implicit boot. Another value where the sequence fell back starts the next boot. */
  placeUntimed(sequence: number, value: number): Place {
    if (this.#boots.length === 0) this.#boots.push(new Map());
    const seen = this.#boots[this.#boots.length - 1].get(sequence);
    const startsBoot = seen !== undefined && !seen.has(value) && sequence < this.#lastUntimed;
    if (startsBoot) this.#boots.push(new Map());
    this.#lastUntimed = sequence;
    const boot = this.#boots[this.#boots.length - 1];
    const hold = (): void => {
      boot.set(sequence, (boot.get(sequence) ?? new Set()).add(value));
    };
    return { first: boot.get(sequence)?.has(value) ? value : undefined, startsBoot, hold };
  }
}

/** The identity `key` among those that `seen` has with their first values. */
export function placeIn<K>(seen: Map<K, number>, key: K, value: number): Place {
  return { first: seen.get(key), startsBoot: false, hold: () => seen.set(key, value) };
}
