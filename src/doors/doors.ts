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

/** What the configuration says of them. */
export interface DoorSettings {
  /** Its path, for errors. */
  readonly file: string;
  readonly map: unknown;
}

/** What they need. */
interface DoorNeeds {
  readonly engine: SensorsOf;
  readonly log: ReadingsLog;
  readonly clock: Clock;
  /** Of times that name none. */
  readonly zone: Zone;
}

/** The doors of one process. */
export class Doors {
  readonly http: HttpDoor;
  readonly unrouted = new Unrouted();

  /** @throws TidemarkError "config-invalid" */
  constructor({ file, map }: DoorSettings, { zone, ...needs }: DoorNeeds) {
    const maps = new Maps(map === undefined ? [] : readMaps(map, file), zone);
    this.http = new HttpDoor({ ...needs, maps, unrouted: this.unrouted }, zone);
  }

  get views(): readonly DoorView[] {
    return [this.http];
  }
}
