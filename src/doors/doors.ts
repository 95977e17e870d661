/** All doors that map: made of the configuration's `map` and `mqtt`. */
import type { Clock } from "../core/clock.ts";
import type { OnNotice } from "../core/notice.ts";
import type { Zone } from "../core/zone.ts";
import type { ReadingsLog } from "./body.ts";
import type { DoorView } from "./door-counts.ts";
import { HttpDoor } from "./http-door.ts";
import type { SensorsOf } from "./mapped-door.ts";
import { readMaps } from "./mapping/map-spec.ts";
import { Maps } from "./mapping/maps.ts";
import { Unrouted } from "./mapping/unrouted.ts";
import { ListenerDoor } from "./mqtt/listener-door.ts";
import { MqttDoor } from "./mqtt/mqtt-door.ts";
import { type MqttGiven, readMqttSettings } from "./mqtt/mqtt-settings.ts";

/** What the configuration says of them. */
export interface DoorSettings extends MqttGiven {
  readonly map: unknown;
  /** Whether MQTT clients are listened for. */
  readonly listens: boolean;
}

/** What they need. */
interface DoorNeeds {
  readonly engine: SensorsOf;
  readonly log: ReadingsLog;
  readonly clock: Clock;
  /** Of times that name none. */
  readonly zone: Zone;
  readonly onBug: (error: unknown) => void;
  readonly onNotice?: OnNotice;
}

/** The doors of one process. */
export class Doors {
  readonly http: HttpDoor;
  readonly unrouted = new Unrouted();
  readonly #mqtt: MqttDoor | null;
  /** To be opened apart: it has to know whom to let in. */
  readonly listener: ListenerDoor | null;

  /** @throws TidemarkError "config-invalid" */
  constructor(given: DoorSettings, { zone, onBug, onNotice = () => {}, ...needs }: DoorNeeds) {
    const maps = new Maps(given.map === undefined ? [] : readMaps(given.map, given.file), zone);
    const options = { ...needs, maps, unrouted: this.unrouted };
    this.http = new HttpDoor(options, zone);
    this.#mqtt = given.mqtt === undefined ? null : new MqttDoor(readMqttSettings(given), options, onBug, onNotice);
    this.listener = given.listens ? new ListenerDoor(options, onBug, onNotice) : null;
  }

  get views(): readonly DoorView[] {
    return [this.http, this.#mqtt, this.listener].filter((door) => door !== null);
  }

  /** Connects to the broker. */
  open(): void {
    this.#mqtt?.open();
  }

  /** Takes in nothing more from a broker, or from clients. */
  async close(): Promise<void> {
    await Promise.all([this.#mqtt?.close(), this.listener?.close()]);
  }
}
