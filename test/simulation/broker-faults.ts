/** What goes wrong at a broker: the steps of a plan that harm it, or end that. */
import type { Seeded } from "../oracle/seeded.ts";
import type { Broker, BrokerPartition } from "./broker.ts";
import type { Step } from "./plan.ts";

/** @returns the names of what happened, to be counted */
export function harmBroker(broker: Broker, step: Step, random: Seeded, nowMs: number): string[] {
  const all = broker.partitions();
  switch (step.do) {
    case "resume":
      for (const each of all) each.isStalled = false;
      return [];
    case "end-transactions": {
      const open = all.filter(({ openSince }) => openSince !== null);
      for (const each of open) each.endTransaction(step.isCommitted);
      return open.map(() => (step.isCommitted ? "transaction-committed" : "transaction-aborted"));
    }
    case "heal-log":
      for (const each of all) each.corruptAt = null;
      return [];
    case "unreachable":
      broker.unreachable = step.requests;
      return ["unreachable"];
    case "retention":
      return ["retention", ...forget(broker)];
    case "recreate": {
      const topics = [...broker.topics.values()];
      if (topics.length === 0) return [];
      const { name, partitions } = topics[step.of % topics.length];
      broker.create(name, partitions.length);
      return ["recreate"];
    }
    default:
      return "of" in step && all.length > 0 ? harm(all[step.of % all.length], step, random, nowMs) : [];
  }
}

function harm(at: BrokerPartition, step: Step, random: Seeded, nowMs: number): string[] {
  switch (step.do) {
    case "stall":
      at.isStalled = true;
      return ["stall"];
    case "corrupt":
      // What it holds, or what comes next.
      at.corruptAt = random.int(Math.max(at.start, at.end - 3), at.end + 1);
      return ["corrupt"];
    case "begin-transaction":
      at.openSince ??= nowMs;
      return [];
    case "cut":
      if (at.end === at.start) return [];
      at.cut(step.records);
      return ["cut"];
    case "trim":
      at.trim(at.start + step.records);
      return ["trim"];
    case "compact": {
      const there = at.records.filter(({ state }) => state === "there");
      for (const record of there.slice(0, step.records)) if (random.chance(0.5)) record.state = "gone";
      return ["compact"];
    }
    default:
      return [];
  }
}

/** Deletes what the log was told that it may. */
function forget({ topics, told }: Broker): string[] {
  const names: string[] = [];
  for (const { id, partitions } of topics.values()) {
    for (const [number, at] of partitions.entries()) {
      const to = told.get(`${id} ${number}`) ?? 0;
      if (to <= at.start || to > at.end) continue;
      at.trim(to);
      names.push("log-retention");
    }
  }
  return names;
}
