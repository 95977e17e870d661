/** Makes the corrections of a generated history in a pipeline, and in the oracle. */
import assert from "node:assert/strict";
import { TidemarkError } from "../../src/core/errors.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { Correction } from "../oracle/corrections.ts";
import type { Deletion } from "../oracle/deletions.ts";
import type { Oracle } from "../oracle/oracle.ts";

const SAID = { by: "anna", reason: "" };

/** What was made, and what was refused as it must be. */
export interface CorrectionsOutcome {
  readonly corrections: number;
  readonly refused: number;
}

/** What became of a correction that was made. */
interface Made {
  /** By which the pipeline knows it. */
  readonly number: number;
  /** Null: a renaming. */
  readonly deletion: Deletion | null;
}

export class MadeCorrections {
  readonly #oracle: Oracle;
  readonly #all: readonly Correction[];
  /** Names of devices that have a series of their own, as bytes. */
  readonly #withSeries: (sensor: string) => readonly string[];
  readonly #made = new Map<number, Made>();
  outcome = { corrections: 0, refused: 0 };

  constructor(oracle: Oracle, all: readonly Correction[], withSeries: (sensor: string) => readonly string[]) {
    this.#oracle = oracle;
    this.#all = all;
    this.#withSeries = withSeries;
  }

  /** Those before a batch. @returns whether there were any */
  async make(batch: number, pipeline: Pipeline): Promise<boolean> {
    let any = false;
    for (const [place, correction] of this.#all.entries()) {
      if (correction.batch !== batch) continue;
      any = true;
      if (correction.do === "delete") await this.#delete(place, correction, pipeline);
      else if (correction.do === "undo") await this.#undo(correction.of, pipeline);
      else {
        const { number } = await pipeline.corrections.rename(correction.sensor, correction.to, SAID);
        this.#made.set(place, { number, deletion: null });
        this.outcome.corrections++;
      }
    }
    return any;
  }

  async #delete(place: number, asked: Correction & { readonly do: "delete" }, pipeline: Pipeline): Promise<void> {
    const { sensor, start, end } = asked;
    const device = asked.device === null ? null : Buffer.from(asked.device, "latin1").toString("utf8");
    const refusal = this.#refusalOf(asked);
    const making = pipeline.corrections.delete({ sensor, device, window: { start, end } }, SAID);
    const note = `correction ${place}`;
    if (refusal !== null) {
      this.outcome.refused++;
      return assert.rejects(making, (error) => error instanceof TidemarkError && error.code === refusal, note);
    }
    const { number, readings } = await making;
    const before = this.#oracle.deleted(sensor);
    const deletion = this.#oracle.delete(asked);
    assert.equal(readings, this.#oracle.deleted(sensor) - before, note);
    this.#made.set(place, { number, deletion });
    this.outcome.corrections++;
  }

  /** Of one device: where all that is there has a series by device; one of which nothing was counted loses nothing. */
  #refusalOf({ sensor, device, start, end }: Correction & { readonly do: "delete" }): string | null {
    if (
      device === null ||
      !this.#oracle.devices(sensor).all.some(({ name, readings }) => name === device && readings > 0)
    )
      return null;
    const withSeries = new Set(this.#withSeries(sensor));
    if (!withSeries.has(device)) return "no-device-series";
    const others = this.#oracle
      .sample(sensor, start, end)
      .readings.filter(({ device: of }) => !withSeries.has(of ?? ""));
    return others.length > 0 ? "correction-refused" : null;
  }

  async #undo(place: number, pipeline: Pipeline): Promise<void> {
    const made = this.#made.get(place);
    if (made === undefined) return;
    await pipeline.corrections.undo(made.number, "bert");
    if (made.deletion !== null) this.#oracle.undo(made.deletion);
    this.outcome.corrections++;
  }

  compare(pipeline: Pipeline): void {
    const listed = pipeline.corrections.list();
    assert.deepEqual(
      listed.map(({ number }) => number),
      [...this.#made.values()].map(({ number }) => number),
    );
    for (const { number, deletion } of this.#made.values()) {
      if (deletion === null) continue;
      assert.equal(listed[number - 1].undone !== null, deletion.isUndone, `correction ${number}`);
    }
  }
}
