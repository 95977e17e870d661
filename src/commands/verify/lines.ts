/** What `tidemark verify` says: a line for each difference as it is found, what is proved of each sensor, and a summary; or JSON. */
import type { VerifyConfig } from "../../config/verify-config.ts";
import { countText } from "../../core/figures.ts";
import { formatSecond } from "../../core/time.ts";
import { openZone, type Zone } from "../../core/zone.ts";
import type { Difference } from "../../verify/differences.ts";
import type { SensorProof } from "../../verify/sensor-proof.ts";
import type { Verified } from "../../verify/verification.ts";
import type { Console } from "../console.ts";

/** Differences that are printed, or listed as JSON; the others are counted. */
const SHOWN_MAX = 1000;

/** What a difference was told by. */
const PROOFS = { log: "by the log", parts: "by its parts", checksum: "damaged" } as const;

/** How a verification went. */
interface Outcome {
  /** A server ran on the directory. */
  readonly isRunning: boolean;
  readonly seconds: number;
  /** The file with what was repaired, as it was; null: nothing was. */
  readonly repaired: string | null;
}

/** Collects differences, and writes them as they come. */
export class Findings {
  readonly #config: VerifyConfig;
  readonly #out: Console["out"];
  readonly #zone: Zone;
  readonly #shown: Difference[] = [];
  count = 0;

  constructor(config: VerifyConfig, { out }: Pick<Console, "out">) {
    this.#config = config;
    this.#out = out;
    this.#zone = openZone(config.timezone);
  }

  add(difference: Difference): void {
    if (this.count++ >= SHOWN_MAX) return;
    if (this.#config.json) this.#shown.push(difference);
    else this.#out(lineOf(difference, this.#zone));
  }

  addAll(differences: readonly Difference[]): void {
    for (const difference of differences) this.add(difference);
  }

  /** The lines after all differences. */
  summary(verified: Verified, outcome: Outcome): void {
    const { proofs, reaches, records, pages, obstacle } = verified;
    const { data } = this.#config;
    if (this.count > SHOWN_MAX) this.#out(`… and ${countText(this.count - SHOWN_MAX)} more`);
    for (const proof of proofs) this.#out(`${proof.sensor.name}: ${claimOf(proof, this.#zone)}`);
    for (const { position, topicId } of reaches) {
      if (topicId === null) this.#out(`${position.topic}/${position.partition}: not in the log`);
    }
    const beside = outcome.isRunning ? " beside the server that runs on it" : "";
    const speed = records === 0 ? "" : `, ${countText(Math.round(records / outcome.seconds))} records a second`;
    const work = `${countText(records)} records of the log taken in once more, ${countText(pages)} pages of seconds`;
    this.#out(`verified ${data}${beside} in ${outcome.seconds.toFixed(1)} s: ${work}${speed}`);
    if (obstacle !== null) this.#out(`rows that are no pages cannot be made anew, as ${obstacle}`);
    this.#out(this.count === 0 ? "no difference" : this.#sum(verified, outcome));
  }

  #sum({ repairs, isAnew, unrepaired }: Verified, { repaired }: Outcome): string {
    const count = `${countText(this.count)} ${this.count === 1 ? "difference" : "differences"}`;
    const what = isAnew ? "all that the log tells" : `${repairs.size} pages`;
    if (repaired === null) {
      return repairs.size === 0 && !isAnew ? count : `${count}; ${what} can be made anew (tidemark verify --repair)`;
    }
    const left = unrepaired === 0 ? "" : `; ${countText(unrepaired)} are left`;
    return `${count}, ${what} made anew${left}; what was there is in ${repaired}`;
  }

  /** All of it as one object. */
  json(verified: Verified, outcome: Outcome): object {
    const { proofs, reaches, records, pages, repairs, unrepaired, isAnew, obstacle } = verified;
    return {
      data: this.#config.data,
      running: outcome.isRunning,
      differences: this.count,
      shown: this.#shown.map(({ second, ...rest }) => ({
        ...rest,
        time: second === null ? null : formatSecond(second),
      })),
      sensors: proofs.map(({ sensor: { name }, exactFrom, atLeastFrom }) => ({
        sensor: name,
        checkedFrom: boundOf(exactFrom),
        heldFrom: boundOf(atLeastFrom),
      })),
      notInLog: reaches.filter(({ topicId }) => topicId === null).map(({ position: { topic } }) => topic),
      records,
      pages,
      seconds: outcome.seconds,
      repairable: repairs.size,
      anew: isAnew,
      obstacle,
      repaired: outcome.repaired,
      left: unrepaired,
    };
  }
}

/** `"begin"`: all of it; null: nothing. */
function boundOf(second: number): string | null {
  if (second === Number.NEGATIVE_INFINITY) return "begin";
  return second === Number.POSITIVE_INFINITY ? null : formatSecond(second);
}

function lineOf({ proof, sensor, what, second, stored, expected }: Difference, zone: Zone): string {
  const place = [sensor, second === null ? null : timeText(second, zone), what].filter((part) => part !== null);
  return `${place.join(", ")}: stored ${stored}; expected ${expected} (${PROOFS[proof]})`;
}

function timeText(second: number, zone: Zone): string {
  const utc = formatSecond(second);
  return zone.name === "UTC" ? utc : `${utc} (${zone.shown(second * 1000)} ${zone.name})`;
}

function claimOf({ exactFrom, atLeastFrom, sensor }: SensorProof, zone: Zone): string {
  const parts = "by checksums and sums of parts";
  const before = sensor.totals.counted === 0 ? "nothing is counted" : parts;
  if (exactFrom === Number.NEGATIVE_INFINITY) return "all of it checked against the log";
  if (exactFrom < Number.POSITIVE_INFINITY)
    return `from ${timeText(exactFrom, zone)} checked against the log, before it ${parts}`;
  if (atLeastFrom === Number.POSITIVE_INFINITY) return before;
  const from = atLeastFrom === Number.NEGATIVE_INFINITY ? "" : ` from ${timeText(atLeastFrom, zone)}`;
  return `${parts}; what the log holds${from} is in it`;
}
