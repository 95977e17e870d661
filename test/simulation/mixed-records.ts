/** Records that make several readings, of sensors that they name, between plain ones and ones that are none: what the oracle's generator has not. */
import type { Arrival } from "../oracle/oracle.ts";
import type { Seeded } from "../oracle/seeded.ts";

const PARTITIONS = 3;
const RECORDS = 150;

/** Each device keeps to its partition. @param appendTime the log stamps records itself */
export function mixedRecords(random: Seeded, nowMs: number, appendTime: boolean): Arrival[] {
  return Array.from({ length: PARTITIONS }, (_, partition) => {
    let clock = nowMs - 3_600_000;
    const sent: string[] = [];
    return Array.from({ length: RECORDS }, (_, offset): Arrival => {
      clock += random.int(0, 5000);
      const text = sent.length > 0 && random.chance(0.1) ? random.pick(sent) : recordOf(random, partition, clock);
      sent.push(text);
      const recordTime = random.chance(0.9) ? clock : clock - 50_000;
      const place = { sensor: "mixed", topicId: "t-1", partition, offset };
      return { ...place, recordTime, appendTime, key: null, value: Buffer.from(text), nowMs };
    });
  }).flat();
}

function recordOf(random: Seeded, partition: number, clock: number): string {
  const time = (): number => clock - (random.chance(0.2) ? random.int(0, 400_000) : 0);
  const host = `${partition}-${random.pick(["a", "b"])}`;
  switch (random.int(0, 5)) {
    case 0:
      return random.pick(["{", "7.5", "[]", '{"value":"x"}', '[{"value":1},{"value":"x"}]']);
    case 1: {
      const list = Array.from({ length: random.int(1, 4) }, () => random.int(0, 400));
      return JSON.stringify(list.map((sequence) => ({ device: host, boot: "b", sequence, value: 3, time: time() })));
    }
    case 2:
      return JSON.stringify({ device: host, sequence: random.int(0, 300), value: random.int(0, 2), time: time() });
    default: {
      const lines = Array.from({ length: random.int(1, 6) }, () => {
        if (random.chance(0.05)) return "bro ken";
        const fields = random.shuffle(["t", "h", "x"]).slice(0, random.int(1, 3));
        const values = fields.map((field) => `${field}=${random.int(0, 50)}`).join(",");
        const ahead = random.chance(0.02) ? 600_000_000 : 0;
        return `${random.pick(["m", "n"])},host=${host} ${values} ${time() + ahead}000000`;
      });
      return `#influx\n${lines.join("\n")}`;
    }
  }
}
