/**
 * What one device has sent, by boot and sequence, and where the next reading belongs: the rules of identity, with plain maps.
 * Part of test/oracle, which imports nothing from src/.
 */

/** Sequences of one boot, each with the value it first came with. `min`, `max`, `highest` are of counted readings only. */
interface Boot {
  readonly seen: Map<number, number>;
  min: number;
  max: number;
  highest: number;
  /** With quarantined ones. */
  highestSeen: number;
  /** Event times of the quarantined ones, by sequence. */
  readonly heldTimes: Map<number, number>;
}

/** Whether an identity was seen, and how to take it. */
export interface Place {
  /** The value it first came with; undefined when it is new. */
  readonly first: number | undefined;
  /** Its sequence began anew: it starts a boot of its device. */
  readonly startsBoot: boolean;
  /** What the documented rules leave open about it; null when nothing. */
  readonly ambiguity: string | null;
  /** Takes the identity for good; `heldTime` is the event time when the reading is quarantined, else null. */
  hold(heldTime: number | null): void;
  /** Counts it, at its event time. */
  count(time: number): void;
}

/** A reading by its offset or an explicit id belongs to no boot. `hold` takes the identity. */
export function placeOutside(first: number | undefined, hold: () => void): Place {
  return { first, startsBoot: false, ambiguity: null, hold, count: () => {} };
}

/** The boots of one device: named ones in any order, and those without a name, told by event time. */
export class DeviceBoots {
  /** Newest event time of the device's counted readings of any identity; set by whoever counts. */
  newest = -Infinity;
  readonly #named = new Map<string, Boot>();
  readonly #implicit: Boot[] = [newBoot()];

  /** With a boot's name: the sequence in that boot. */
  placeNamed(name: string, sequence: number, value: number): Place {
    let boot = this.#named.get(name);
    if (boot === undefined) this.#named.set(name, (boot = newBoot()));
    return placeIn(boot, sequence, value);
  }

  /** Without a boot and without a time of its own: the sequence in the latest boot. */
  placeUntimed(sequence: number, value: number): Place {
    return placeIn(this.#latest, sequence, value);
  }

  /** Without a boot: by sequence and event time. `isWrong`: the clock rule would quarantine it. */
  placeTimed(sequence: number, time: number, isWrong: boolean, value: number): Place {
    if (time <= this.newest) return this.#placePast(sequence, time, value);
    const latest = this.#latest;
    // With a wrong clock it starts nothing: it is a duplicate of what the latest boot has seen.
    if (!latest.seen.has(sequence) || isWrong) return placeIn(latest, sequence, value);
    const isHeld = latest.heldTimes.get(sequence) === time;
    const next = newBoot();
    this.#implicit.push(next);
    return {
      ...placeIn(next, sequence, value),
      startsBoot: true,
      ambiguity: isHeld ? "sent again after its clock would have passed" : null,
    };
  }

  get #latest(): Boot {
    return this.#implicit[this.#implicit.length - 1];
  }

  /** A reading that is not newer than the device's newest: into the boot whose range holds it, or beside a gap. */
  #placePast(sequence: number, time: number, value: number): Place {
    const boots = this.#implicit;
    const into = (boot: Boot, ambiguity: string | null = null): Place => ({
      ...placeIn(boot, sequence, value),
      ambiguity: boots.length > 1 ? ambiguity : null,
    });
    const holding = boots.findLast((boot) => boot.min <= time && time <= boot.max);
    if (holding !== undefined) return into(holding);
    const noRange = boots[0].min === Infinity ? "the first boot has no counted reading, so no range" : null;
    if (boots.every((boot) => time < boot.min)) return into(boots[0], noRange);
    const before = boots.findLastIndex((boot) => boot.max < time);
    if (before === boots.length - 1)
      return into(boots[before], "after every boot, but not newer than the device's newest");
    const { highest, highestSeen } = boots[before];
    const isHeldHighest = sequence > highest !== sequence > highestSeen;
    return into(
      sequence > highest ? boots[before] : boots[before + 1],
      isHeldHighest ? "the highest sequence is a quarantined one" : noRange,
    );
  }
}

function newBoot(): Boot {
  return {
    seen: new Map(),
    min: Infinity,
    max: -Infinity,
    highest: -Infinity,
    highestSeen: -Infinity,
    heldTimes: new Map(),
  };
}

function placeIn(boot: Boot, sequence: number, value: number): Place {
  return {
    first: boot.seen.get(sequence),
    startsBoot: false,
    ambiguity: null,
    hold: (heldTime) => {
      boot.seen.set(sequence, value);
      boot.highestSeen = Math.max(boot.highestSeen, sequence);
      if (heldTime !== null) boot.heldTimes.set(sequence, heldTime);
    },
    count: (time) => {
      boot.min = Math.min(boot.min, time);
      boot.max = Math.max(boot.max, time);
      boot.highest = Math.max(boot.highest, sequence);
    },
  };
}
