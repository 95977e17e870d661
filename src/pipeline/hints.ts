/** What the senders of a sensor probably mean otherwise than it is read: keys that are not read, ids that name a device. In memory, since the start; each is told once. */
import type { OnNotice } from "../core/notice.ts";
import type { RepeatedId } from "../engine/engine.ts";
import { type UnreadKey, UnreadKeys } from "../formats/unread-keys.ts";
import type { Series } from "./sensors.ts";

/** Repeats, each with another value and time than the one before, after which an id is told to name a device. A resend repeats either. */
const REPEATS_MIN = 3;

/** Ids of a sensor that are told and counted; more would say the same. */
const TOLD_MAX = 10;

/** Ids of a sensor that are watched, 200 bytes each. Further ones are not, but every so often one takes the oldest's place: resends keep no place for ever. */
const WATCHED_MAX = 64;
const UNWATCHED_MAX = 256;

/** Characters of an id in a notice. */
const SHOWN_MAX = 64;

interface Watched {
  time: number;
  value: number;
  repeats: number;
}

/** Repeated ids of one sensor. States of an id: unknown → *watched* → *told*, which lasts. */
class RepeatedIds {
  readonly told = new Map<string, Watched>();
  readonly #watched = new Map<string, Watched>();
  #unwatched = 0;

  /** Takes a duplicate by its id. @returns whether the id is to be told now */
  take(id: string, time: number, value: number): boolean {
    const known = this.told.get(id) ?? this.#watched.get(id);
    if (known === undefined) {
      this.#watch(id, { time, value, repeats: 1 });
      return false;
    }
    if (known.time === time || known.value === value) return false;
    known.time = time;
    known.value = value;
    if (++known.repeats !== REPEATS_MIN) return false;
    this.#watched.delete(id);
    this.told.set(id, known);
    return true;
  }

  #watch(id: string, duplicate: Watched): void {
    if (this.told.size >= TOLD_MAX) return;
    if (this.#watched.size >= WATCHED_MAX) {
      if (++this.#unwatched < UNWATCHED_MAX) return;
      for (const [oldest] of this.#watched.entries().take(1)) this.#watched.delete(oldest);
    }
    this.#unwatched = 0;
    this.#watched.set(id, duplicate);
  }
}

/** The hints of all sensors. */
export class Hints {
  readonly #onNotice: OnNotice;
  readonly #unreadKeys = new Map<Series, UnreadKeys>();
  readonly #repeatedIds = new Map<Series, RepeatedIds>();

  /** @param onNotice listener for what is found for the first time: each key of a sensor, and one of its ids */
  constructor(onNotice: OnNotice) {
    this.#onNotice = onNotice;
  }

  /** Where a decoder counts the keys of its source's own sensor. */
  unreadKeys(sensor: Series): UnreadKeys {
    let keys = this.#unreadKeys.get(sensor);
    if (keys === undefined) {
      keys = new UnreadKeys(({ hint }) => this.#onNotice(`"${sensor.name}": ${hint}`, "hint"));
      this.#unreadKeys.set(sensor, keys);
    }
    return keys;
  }

  /** Takes a duplicate that an explicit id told. */
  takeDuplicate(sensor: Series, id: string, time: number, value: number): void {
    let ids = this.#repeatedIds.get(sensor);
    if (ids === undefined) {
      ids = new RepeatedIds();
      this.#repeatedIds.set(sensor, ids);
    }
    if (ids.take(id, time, value) && ids.told.size === 1) this.#onNotice(`"${sensor.name}": ${hintOf(id)}`, "hint");
  }

  /** What was found of a sensor. */
  of(sensor: Series): { unreadKeys: UnreadKey[]; repeatedIds: RepeatedId[]; passedOver: number } {
    const told = this.#repeatedIds.get(sensor)?.told ?? [];
    return {
      unreadKeys: this.#unreadKeys.get(sensor)?.list() ?? [],
      repeatedIds: Array.from(told, ([id, { repeats }]) => ({ id, count: repeats, hint: hintOf(id) })),
      passedOver: this.#unreadKeys.get(sensor)?.passedOver ?? 0,
    };
  }
}

function hintOf(id: string): string {
  const shown = JSON.stringify(id.length > SHOWN_MAX ? `${id.slice(0, SHOWN_MAX)}…` : id);
  return `the id ${shown} comes again and again with other values and times, so it looks like a device's name: its readings after the first are taken for duplicates; send it as \`device\``;
}
