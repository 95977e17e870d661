/** Steps of a plan that correct the past: readings are deleted, sensors renamed, and both undone. */
import { TidemarkError } from "../../src/core/errors.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { Step } from "./plan.ts";
import { time } from "./virtual-time.ts";
import type { Witness } from "./witness.ts";

const SAID = { by: "anna", reason: "" };

/** Why a correction may be refused: of a device whose readings cannot be told apart, of what another one holds. */
const REFUSALS = new Set(["correction-refused", "no-device-series"]);

/** By then it is on the disk, where that works, also when a commit had to be tried again, ms. */
const SYNCED_MS = 30_000;

type CorrectionStep = Extract<Step, { readonly do: "delete" | "rename" | "undo" }>;

/**
 * @param mayEnd whether the disk may fail, or the process end, in the middle of it: nobody waits for it then
 * @returns what is to be counted
 */
export async function correct(
  step: CorrectionStep,
  pipeline: Pipeline,
  witness: Witness,
  mayEnd: boolean,
): Promise<string> {
  const correcting = begin(step, pipeline, witness);
  if (correcting === null) return "nothing-to-correct";
  if (mayEnd) {
    correcting.catch(() => {}); // the history shows what became of it
    await time.pass(SYNCED_MS);
    return `${step.do}-inside`;
  }
  try {
    await time.until(correcting);
    return step.do;
  } catch (error) {
    if (error instanceof TidemarkError && REFUSALS.has(error.code)) return "correction-refused";
    throw error;
  }
}

/** @returns null: there is nothing to correct */
function begin(step: CorrectionStep, { corrections }: Pipeline, witness: Witness): Promise<unknown> | null {
  const { oracle, corrections: kept } = witness;
  if (step.do === "undo") {
    const { active } = kept;
    return active.length === 0 ? null : corrections.undo(active[step.of % active.length], "bert");
  }
  const sensors = oracle.sensors.filter((sensor) => oracle.counted(sensor).length > 0);
  if (sensors.length === 0) return null;
  const root = sensors[step.of % sensors.length];
  if (step.do !== "delete") return corrections.rename(root, `${root}-${corrections.list().length}`, SAID);
  const times = oracle.counted(root).map(({ time }) => Math.floor(time / 1000));
  times.sort((a, b) => a - b);
  const first = Math.floor(step.from * times.length);
  const last = Math.min(times.length - 1, first + Math.floor(step.share * times.length));
  const devices = oracle.devices(root).all;
  const device = step.device === null ? null : devices[step.device % devices.length].name;
  const name = device === null ? null : Buffer.from(device, "latin1").toString("utf8");
  const window = { start: times[first], end: times[last] + 1 };
  return corrections.delete({ sensor: kept.nameOf(root), device: name, window }, SAID);
}
