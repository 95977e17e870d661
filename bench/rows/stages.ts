/** Row `stages`: the benches of single stages, each a program of its own, as they print. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Row } from "../harness/bench.ts";
import { run } from "../harness/child.ts";

const HERE = join(import.meta.dirname, "..");
/** Program and arguments; of those that need it, small sizes in quick mode. */
const STAGES = [
  { file: "decode.ts", about: "payloads → columns", quick: [], full: [] },
  { file: "kafka-fetch.ts", about: "Kafka → columns", quick: ["2"], full: ["10"] },
  { file: "log.ts", about: "the embedded log", quick: [], full: [] },
  { file: "http.ts", about: "the server without a pipeline", quick: ["3", "700"], full: ["5", "2000"] },
] as const;

export const stages: Row = {
  name: "stages",
  about: "single stages: decoding, fetching, the embedded log, the server",
  async run(bench) {
    const notes: { title: string; text: string }[] = [];
    for (const { file, about, quick, full } of STAGES) {
      const path = join(HERE, file);
      if (!existsSync(path)) continue;
      const args = bench.settings.quick ? quick : full;
      bench.say(`node bench/${file} ${args.join(" ")}`);
      const text = await bench.peer(`node bench/${file}`, () =>
        run({ command: process.execPath, args: [path, ...args], secondsMax: 300 }),
      );
      if (text !== null)
        notes.push({ title: `${about}: node bench/${file} ${args.join(" ")}`.trim(), text: text.trim() });
    }
    return { tables: [], goals: [], notes };
  },
};
