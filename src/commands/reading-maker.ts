/** Texts of people → records of readings, each with an identity, so that sending one again counts it once. */
import type { Clock } from "../core/clock.ts";

/** What readings get that do not say it themselves. */
export interface Own {
  readonly device: string;
  readonly boot: string;
  /** ms since the epoch; null: now. */
  readonly timeMs: number | null;
  readonly clock: Clock;
}

/** A JSON number (RFC 8259, section 6). */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** What simple programs print besides. */
const LOOSE_NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

const IDENTITIES: readonly string[] = ["id", "sequence", "seq"];
const TIMES: readonly string[] = ["time", "ts"];

/** Counts the readings that get a sequence from it. */
export class ReadingMaker {
  readonly #own: Own;
  #sequence = 0;

  constructor(own: Own) {
    this.#own = own;
  }

  /**
   * A number, or an object without what it lacks, becomes a whole reading; the object's own text stays as it is.
   * Everything else goes as it is: whether it is a reading is for the server to say.
   */
  make(text: string): Uint8Array {
    if (LOOSE_NUMBER.test(text)) {
      const value = NUMBER.test(text) ? text : JSON.stringify(Number(text));
      return Buffer.from(`{${this.#missing([])},"value":${value}}`);
    }
    const value = parsed(text);
    if (Array.isArray(value))
      return Buffer.from(`[${value.map((each) => this.#whole(each, JSON.stringify(each))).join(",")}]`);
    return Buffer.from(this.#whole(value, text));
  }

  /** @param text of an object: it stays as it is behind what it lacks */
  #whole(value: unknown, text: string): string {
    if (typeof value !== "object" || value === null) return text;
    const keys = Object.keys(value);
    const missing = this.#missing(keys);
    if (missing === "") return text;
    return `{${missing}${keys.length === 0 ? "" : ","}${text.slice(text.indexOf("{") + 1)}`;
  }

  /** Fields of a reading that are not among these keys. With an identity of its own only the device is missing: a time would be part of it. */
  #missing(keys: readonly string[]): string {
    const { device, boot, timeMs, clock } = this.#own;
    const fields: string[] = [];
    if (!keys.includes("device")) fields.push(`"device":${JSON.stringify(device)}`);
    if (!keys.some((key) => IDENTITIES.includes(key))) {
      if (!keys.includes("boot")) fields.push(`"boot":${JSON.stringify(boot)}`);
      fields.push(`"sequence":${this.#sequence++}`);
      if (!keys.some((key) => TIMES.includes(key))) fields.push(`"time":${timeMs ?? clock.now()}`);
    }
    return fields.join(",");
  }
}

/** A bracket in a line that is not closed in it: the lines that follow would be taken for its rest. */
export function leavesOpen(text: string): boolean {
  if (!/^[{[]/.test(text)) return false;
  const bare = text.replace(/"(?:[^"\\]|\\.)*"/g, "");
  return bare.includes('"') || bare.replace(/[^{[]/g, "").length > bare.replace(/[^}\]]/g, "").length;
}

/** Undefined where it is no JSON object or list. */
function parsed(text: string): unknown {
  if (!/^[{[]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
