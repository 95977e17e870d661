/** One client of the live stream: its sensors, how far it has been told, and how well it reads. */
import type { ServerResponse } from "node:http";

/**
 * States: it *keeps up* (`behindSince` is null); it is *behind* once its connection was full when a frame came: frames pass it by, and
 * all that they told comes in one event when it has drained.
 */
export class LiveClient {
  readonly response: ServerResponse;
  /** Sensors it asked for; null: all that are in the stream. */
  readonly sensors: ReadonlySet<string> | null;
  /** The newest frame that it knows all of. */
  frame: number;
  behindSince: number | null = null;
  /** When it was last sent something; by the process's monotonic clock, ms. */
  sentAt = performance.now();

  constructor(response: ServerResponse, sensors: ReadonlySet<string> | null, frame: number) {
    this.response = response;
    this.sensors = sensors;
    this.frame = frame;
  }

  /** Whether it takes no more at the moment; if so it is behind from now on. */
  isFull(now: number): boolean {
    if (!this.response.writableNeedDrain) return false;
    this.behindSince ??= now;
    return true;
  }

  /** It knows all of a frame, with this event; null: without any. */
  tell(text: string | null, frame: number, now: number): void {
    this.frame = frame;
    this.behindSince = null;
    if (text === null) return;
    this.sentAt = now;
    this.response.write(text);
  }
}
