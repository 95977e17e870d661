/** The server's clock and zone. */
import { Zone } from "../core/zone.ts";

/** Times as the server has them: its clock as of the newest answer, its zone whatever the browser's is. */
export class ServerTime {
  /** Zone of all times that are shown. */
  readonly zone: Zone;
  /** Server's clock − the browser's monotonic one, ms. */
  #offset = 0;

  constructor(timezone: string, now: number) {
    this.zone = new Zone(timezone);
    this.set(now);
  }

  /** Takes over the server's clock. @param now ms since the epoch */
  set(now: number): void {
    this.#offset = now - performance.now();
  }

  /** The server's clock, ms since the epoch. */
  now(): number {
    return performance.now() + this.#offset;
  }

  /** `15:12:07` of the server's wall clock. */
  clock(ms: number): string {
    return this.zone.shown(ms).slice(11);
  }

  /** `2020-01-13 15:12:07`; only the time of day where it is today. */
  moment(ms: number): string {
    const shown = this.zone.shown(ms);
    return shown.slice(0, 10) === this.zone.shown(this.now()).slice(0, 10) ? shown.slice(11) : shown;
  }
}
