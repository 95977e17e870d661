/** How far the host's clock is from one that cannot be set: tells when it was set, and what it should have said before. */
import type { Clock } from "../core/clock.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";

/** A difference that no clock drifts by between two looks: it was set. */
const STEP_MS = 1000;
/** A clock that was set forward and stays so for this long is believed without other evidence. */
const PROBATION_MS = 3_600_000;

/** The offset at the last commit, and since when, by the host's clock, it holds; both ms. */
const OFFSET = "clock-offset";
const SINCE = "clock-offset-since";

/** A reading that was held back, as far as it is judged again. */
interface Judged {
  readonly time: number;
  readonly judgedAgainst: number;
  /** When it was judged; null: by another clock, or one that cannot be compared. */
  readonly clockOffset: number | null;
  readonly reason: string;
}

/** Offset = host's clock − steady clock. A process that finds the offset of the last one goes on with it; another offset begins anew. */
export class ClockOffset implements CommitPart {
  readonly waitingRows = 0;
  readonly waitingBytes = 0;
  readonly #db: Database;
  #clock: Clock | null = null;
  #ms = 0;
  #sinceMs = 0;
  /** What is still to be done about the last step. */
  #due: "none" | "now" | "probation" = "none";

  constructor(db: Database) {
    this.#db = db;
  }

  /** @returns whether what the last process stored can be compared */
  start(clock: Clock): boolean {
    this.#clock = clock;
    this.#ms = clock.now() - clock.steady();
    const [stored, since] = [this.#db.setting(OFFSET), this.#db.setting(SINCE)];
    const goesOn = stored !== null && since !== null && Math.abs(this.#ms - Number(stored)) <= STEP_MS;
    this.#sinceMs = goesOn ? Number(since) : clock.now();
    this.#due = goesOn ? "now" : "none";
    return goesOn;
  }

  /** The offset for what is judged now against `reference`; null when that was said before the clock was set. */
  of(reference: number): number | null {
    return reference < this.#sinceMs ? null : this.#ms;
  }

  /**
   * Looks at the clocks: to be called before something is judged by the host's, and each second.
   * @returns whether what was held back is to be judged again
   */
  look(): boolean {
    if (this.#clock === null) return false;
    const now = this.#clock.now();
    const ms = now - this.#clock.steady();
    const stepped = ms - this.#ms;
    this.#ms = ms;
    if (Math.abs(stepped) > STEP_MS) {
      this.#sinceMs = now;
      this.#due = stepped > 0 ? "now" : "none";
    }
    return this.#due === "now" || (this.#due === "probation" && this.#isProven);
  }

  get #isProven(): boolean {
    return (this.#clock?.now() ?? 0) - this.#sinceMs >= PROBATION_MS;
  }

  /**
   * A judge of what was held back while the clock was behind. A reading that was ahead by as much as the clock has been set by since
   * proves it: its time is that at which it came. One that came late is believed after the probation.
   */
  judge(aheadMs: number): (row: Judged) => boolean {
    const [offset, isProven] = [this.#ms, this.#isProven];
    this.#due = isProven ? "none" : "probation";
    return ({ time, judgedAgainst, clockOffset, reason }) => {
      if (reason !== "ahead" || clockOffset === null || offset - clockOffset <= STEP_MS) return false;
      const beforeMs = judgedAgainst + offset - clockOffset - time;
      return beforeMs >= -aheadMs && (isProven || beforeMs <= aheadMs);
    };
  }

  *write(): Generator<number> {
    this.#db.guarded(() => {
      this.#db.setSetting(OFFSET, this.#ms);
      this.#db.setSetting(SINCE, this.#sinceMs);
    });
    yield 0;
  }

  committed(): void {}
}
