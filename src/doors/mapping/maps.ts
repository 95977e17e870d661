/** All maps of a configuration: the first that finds something in a message takes it. */
import type { Zone } from "../../core/zone.ts";
import type { MapSpec } from "./map-spec.ts";
import { Mapper, type MapRead } from "./mapper.ts";
import type { Captures } from "./pattern.ts";
import type { Payload } from "./payload.ts";

/** A message for the maps. */
export interface Message {
  readonly topic: string;
  readonly payload: Payload;
  /** Whether a broker kept it for new subscribers. */
  readonly isRetained: boolean;
  /** ms since the epoch. */
  readonly arrivalMs: number;
}

/** Why a map does not take a message. */
export type Refusal = "other-topic" | "skipped" | "retained" | "nothing-in-it";

/** What a map says of a message. */
export type Tried =
  | { readonly map: Mapper; readonly refusal: Refusal; readonly passed: number }
  | { readonly map: Mapper; readonly refusal: null; readonly read: MapRead };

/** What becomes of a message. */
export type Routed =
  | { readonly kind: "read"; readonly map: Mapper; readonly read: MapRead }
  /** A map knows it, and there is no reading in it. `map`: it looked, and was not told to leave it alone; null otherwise. */
  | { readonly kind: "passed"; readonly isRetained: boolean; readonly map: Mapper | null }
  | { readonly kind: "unrouted" };

/** The maps, in their order. */
export class Maps {
  readonly mappers: readonly Mapper[];

  constructor(specs: readonly MapSpec[], zone: Zone) {
    this.mappers = specs.map((spec) => new Mapper(spec, zone));
  }

  route(message: Message): Routed {
    let isKnown = false;
    let looked: Mapper | null = null;
    for (const map of this.mappers) {
      const tried = tryMap(map, message);
      if (tried.refusal === null) return { kind: "read", map, read: tried.read };
      if (tried.refusal === "retained") return { kind: "passed", isRetained: true, map: null };
      if (tried.refusal === "nothing-in-it") looked ??= map;
      isKnown ||= tried.refusal !== "other-topic";
    }
    return isKnown ? { kind: "passed", isRetained: false, map: looked } : { kind: "unrouted" };
  }

  /** What each map says of it, whether or not one before it takes it. */
  tryAll(message: Message): Tried[] {
    return this.mappers.map((map) => tryMap(map, message));
  }
}

function tryMap(map: Mapper, message: Message): Tried {
  const captures = map.match(message.topic);
  if (captures === null) return { map, refusal: "other-topic", passed: 0 };
  return tryCaptured(map, captures, message);
}

/** The same for a message that names its map. */
export function tryCaptured(map: Mapper, captures: Captures, message: Message): Tried {
  if (map.skips(message.topic)) return { map, refusal: "skipped", passed: 0 };
  if (message.isRetained && !map.spec.takesRetained) return { map, refusal: "retained", passed: 0 };
  const read = map.read(message.payload, captures, message.arrivalMs);
  if (read.readings.length === 0 && read.faults.length === 0) {
    return { map, refusal: "nothing-in-it", passed: read.passed };
  }
  return { map, refusal: null, read };
}
