/** A last batch for a generated history: a device whose clock jumps ahead once in each boot, without a boot id. The generator's wrong clocks are always wrong. */
import type { Batch, History } from "../oracle/generator.ts";
import type { Arrival, Fate } from "../oracle/oracle.ts";

const BOOTS = 4;
const READINGS_PER_BOOT = 6;
const SECOND = 1000;
const DAY = 86_400_000;

/** The history with the batch behind it, in the last batch's topic and partition. */
export function withEpilogue(history: History): History {
  const last = history.batches.at(-1);
  if (last === undefined) return history;
  const own = history.arrivals.filter(
    ({ topicId, partition }) => topicId === last.topicId && partition === last.partition,
  );
  const before = own.reduce((newest, arrival) => (arrival.offset > newest.offset ? arrival : newest));
  const { nowMs } = last;
  const arrivals: Arrival[] = [];
  for (let boot = 0; boot < BOOTS; boot++) {
    for (let sequence = 0; sequence < READINGS_PER_BOOT; sequence++) {
      const isAhead = sequence === READINGS_PER_BOOT / 2;
      const index = arrivals.length;
      const time = nowMs - (BOOTS * READINGS_PER_BOOT - index) * SECOND + (isAhead ? DAY : 0);
      const text = JSON.stringify({ device: "jumps ahead", sequence, value: index, time });
      arrivals.push({
        ...before,
        offset: before.offset + 1 + index,
        key: null,
        value: Buffer.from(text),
        recordTime: nowMs,
        nowMs,
      });
    }
  }
  const start = history.arrivals.length;
  const batch: Batch = { ...last, index: history.batches.length, start, end: start + arrivals.length, isReplay: false };
  const fates = arrivals.map((_, i): Fate => (i % READINGS_PER_BOOT === READINGS_PER_BOOT / 2 ? "ahead" : "counted"));
  return {
    ...history,
    arrivals: [...history.arrivals, ...arrivals],
    fates: [...history.fates, ...fates],
    batches: [...history.batches, batch],
  };
}
