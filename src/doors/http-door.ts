/** Mapped HTTP: a request names its map, or a preset. */
import type { Zone } from "../core/zone.ts";
import { Batch, type Came, type DoorOptions, MappedDoor, type Taken } from "./mapped-door.ts";
import { presetMap } from "./mapping/map-spec.ts";
import { Mapper } from "./mapping/mapper.ts";
import { tryCaptured } from "./mapping/maps.ts";
import { PRESETS } from "./mapping/presets.ts";
import { HTTP_DOOR } from "./mapping/unrouted.ts";

/** The door of `/in/{name}`. */
export class HttpDoor extends MappedDoor {
  readonly #zone: Zone;
  readonly #clock: DoorOptions["clock"];
  /** Presets that were asked for by their names. */
  readonly #presets = new Map<string, Mapper>();

  constructor(options: DoorOptions, zone: Zone) {
    super(HTTP_DOOR, options);
    this.#zone = zone;
    this.#clock = options.clock;
  }

  /** The map of that name, else the preset. */
  find(name: string): Mapper | undefined {
    const own = this.maps.mappers.find(({ spec }) => spec.name === name) ?? this.#presets.get(name);
    if (own !== undefined || !Object.hasOwn(PRESETS, name)) return own;
    const preset = new Mapper(presetMap(name), this.#zone);
    this.#presets.set(name, preset);
    return preset;
  }

  /**
   * Takes one request; resolves once its readings are durable.
   * @param name of the map; unknown: it is listed as unrouted @param device of the address, where the map names none
   * @throws TidemarkError of the log: nothing is lost if the request is sent again
   */
  async takeNamed(name: string, device: string | undefined, came: Omit<Came, "topic" | "isRetained">): Promise<Taken> {
    const batch = new Batch();
    const arrivalMs = this.#clock.now();
    const message: Came = { ...came, topic: name, isRetained: false };
    const map = this.find(name);
    const tried = map && tryCaptured(map, device === undefined ? {} : { device }, { ...message, arrivalMs });
    const taken = this.takeRouted(
      message,
      tried === undefined
        ? { kind: "unrouted" }
        : tried.refusal === null
          ? { kind: "read", map: tried.map, read: tried.read }
          : { kind: "passed", isRetained: false, map: tried.map },
      batch,
      arrivalMs,
    );
    try {
      await this.append(batch);
    } catch (error) {
      batch.settle(error);
      throw error;
    }
    return taken;
  }
}
