/** Steps of a plan that operators do, or that harm the disk: commit, deal with what was not counted, pass over what cannot be read. */
import assert from "node:assert/strict";
import { TidemarkError } from "../../src/core/errors.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { Seeded } from "../oracle/seeded.ts";
import type { Broker } from "./broker.ts";
import { CHANGES, type DiskFault } from "./disk.ts";
import { keyOf } from "./events.ts";
import type { Step } from "./plan.ts";
import { time } from "./virtual-time.ts";
import type { Witness } from "./witness.ts";

const ROWS_MAX = 1000;

/** How the disk fails. */
export function faultOf(step: Step & { readonly do: "disk-error" | "disk-full" }): DiskFault {
  const { part, after, times, shortBytes } = step;
  return {
    what: CHANGES,
    error: step.do === "disk-full" ? "ENOSPC" : "EIO",
    part,
    first: after + 1,
    times,
    shortBytes,
  };
}

export async function settleLists(step: Step, pipeline: Pipeline, witness: Witness, random: Seeded): Promise<void> {
  const share = "share" in step ? step.share : 0;
  const isMeant = (): boolean => random.chance(share);
  switch (step.do) {
    case "commit":
      await time.until(pipeline.releaseQuarantine([]));
      return;
    case "release":
    case "discard": {
      const rows = pipeline.listQuarantine({ limit: ROWS_MAX }).items.filter(isMeant);
      witness.ask(step.do === "release" ? "released" : "discarded", rows);
      const ids = rows.map(({ id }) => id);
      await time.until(step.do === "release" ? pipeline.releaseQuarantine(ids) : pipeline.discardQuarantine(ids));
      witness.ask(null, []);
      return;
    }
    default: {
      const rows = pipeline.listRejections({ limit: ROWS_MAX }).items.filter(isMeant);
      const ids = rows.map(({ id }) => id);
      if (step.do === "retry-rejections") {
        assert.equal(await time.until(pipeline.releaseRejections(ids)), 0, "what was rejected is rejected again");
        return;
      }
      witness.discardRejections(rows);
      await time.until(pipeline.discardRejections(ids));
    }
  }
}

/** @returns partitions that were read on behind what could not be read */
export async function skipUnreadable(pipeline: Pipeline, broker: Broker, witness: Witness): Promise<number> {
  let skipped = 0;
  for (const { name } of pipeline.sensors.list()) {
    for (const { topic, partition, reason, resumeAt } of pipeline.status(name).standstills) {
      const found = broker.topics.get(topic);
      if (reason !== "unreadable" || resumeAt === null || found === undefined) continue;
      witness.skipTo = { key: keyOf(topic, partition, found.id), sensor: topic, to: resumeAt };
      const isDone = await time
        .until(pipeline.skip(topic, partition, resumeAt).then(() => true))
        .catch((error: unknown) => {
          // The log was cut back below it meanwhile.
          if (!(error instanceof TidemarkError)) throw error;
          return false;
        });
      witness.skipTo = null;
      if (isDone) skipped++;
    }
  }
  return skipped;
}
