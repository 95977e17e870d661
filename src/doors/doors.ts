/** All doors that map: made of the configuration's `map` and `mqtt`. */
import type { Clock } from "../core/clock.ts";
import type { Zone } from "../core/zone.ts";
import type { ReadingsLog } from "./body.ts";
import type { DoorView } from "./door-counts.ts";
import { HttpDoor } from "./http-door.ts";
import type { SensorsOf } from "./mapped-door.ts";
import { readMaps } from "./mapping/map-spec.ts";
import { Maps } from "./mapping/maps.ts";
import { Unrouted } from "./mapping/unrouted.ts";
import { MqttDoor } from "./mqtt/mqtt-door.ts";
import { type MqttGiven, readMqttSettings } from "./mqtt/mqtt-settings.ts";

/** What the configuration says of them. */
export interface DoorSettings extends MqttGiven {
  readonly map: unknown;
}

/** What they need. */
interface DoorNeeds {
  readonly engine: SensorsOf;
  readonly log: ReadingsLog;
  readonly clock: Clock;
  /** Of times that name none. */
  readonly zone: Zone;
  readonly onBug: (error: unknown) => void;
}

/** The doors of one process. */
export class Doors {
  readonly http: HttpDoor;
  readonly unrouted = new Unrouted();
  readonly #mqtt: MqttDoor | null;

  /** @throws TidemarkError "config-invalid" */
  constructor(given: DoorSettings, { zone, onBug, ...needs }: DoorNeeds) {
    const maps = new Maps(given.map === undefined ? [] : readMaps(given.map, given.file), zone);
    const options = { ...needs, maps, unrouted: this.unrouted };
    this.http = new HttpDoor(options, zone);
    this.#mqtt = given.mqtt === undefined ? null : new MqttDoor(readMqttSettings(given), options, onBug);
  }

  get views(): readonly DoorView[] {
    return this.#mqtt === null ? [this.http] : [this.http, this.#mqtt];
  }

  /** Connects to the broker. */
  open(): void {
    this.#mqtt?.open();
  }

  /** Takes in nothing more from a broker. */
  async close(): Promise<void> {
    await this.#mqtt?.close();
  }
}
