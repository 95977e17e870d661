/**
 * `npm run soak -- [--minutes 60] [--rate 2000] [--data DIR] [--kafka [HOST:PORT]] [--seed N] [--picture FILE]`: one server under steady load, a fault
 * each minute. Devices resend what was not acknowledged, some of it twice and late, so that each answer is known: it is compared all the time, and at
 * the end to the bit. Prints a line a minute; percentiles over time as a picture. Exit code 1 when an answer was wrong.
 */
import { randomInt } from "node:crypto";
import { mkdirSync } from "node:fs";
import { cpus } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { readCommandLine, refuse } from "./command-line.ts";
import { startBroker } from "./kafka/broker.ts";
import { type Line, type Picture, percentile, writePicture } from "./torture/picture.ts";
import { Soak, type SoakReport } from "./torture/soak-run.ts";

const SEED_MAX = 2 ** 31 - 1;
const PICTURE = join(import.meta.dirname, "..", "build", "soak.svg");

function lineOf(
  name: string,
  report: SoakReport,
  value: (minute: SoakReport["minutes"][number]) => number | null,
): Line {
  const points = report.minutes.flatMap((minute) => {
    const at = value(minute);
    return at === null ? [] : [{ minutes: minute.minute, value: at }];
  });
  return { name, points };
}

function pictureOf(report: SoakReport, what: string): Picture {
  const { faults, minutes } = report;
  const answers = [50, 99, 100].map((p) =>
    lineOf(p === 100 ? "slowest" : `p${p}`, report, ({ answersMs }) => percentile(answersMs, p)),
  );
  const byFault = [...Map.groupBy(faults, ({ fault }) => fault)];
  const figure = (values: readonly number[], p: number): string => percentile(values, p)?.toFixed(0) ?? "–";
  const allMs = minutes.flatMap(({ answersMs }) => answersMs);
  return {
    title: report.wrong.length === 0 ? "tidemark soaked: every answer right" : `tidemark soaked: ${report.wrong[0]}`,
    facts: [
      what,
      `${report.acknowledged} readings acknowledged, ${report.sentTwice} sent twice or more; ${report.checked} answers checked, ${report.wrong.length} wrong`,
      `answers p50 ${figure(allMs, 50)} ms, p99 ${figure(allMs, 99)} ms, slowest ${figure(allMs, 100)} ms; ${faults.length} faults`,
    ],
    minutes: Math.max(1, minutes.at(-1)?.minute ?? 1),
    panels: [
      { title: "Answers to questions, by the minute", unit: "ms", isLogarithmic: true, lines: answers },
      {
        title: "From the fault's end until ready",
        unit: "ms",
        isLogarithmic: true,
        lines: [
          {
            name: "recovery",
            isScattered: true,
            points: faults.map(({ minute, recoveredMs }) => ({ minutes: minute, value: Math.max(1, recoveredMs) })),
          },
        ],
      },
      { title: "Acknowledged", unit: "readings/s", lines: [lineOf("a second", report, ({ perSecond }) => perSecond)] },
      {
        title: "Memory of the process (resident)",
        unit: "MB",
        lines: [lineOf("memory", report, ({ memoryMb }) => memoryMb)],
      },
      {
        title: "Disk",
        unit: "MB",
        lines: [lineOf("history", report, ({ historyMb }) => historyMb), lineOf("log", report, ({ logMb }) => logMb)],
      },
    ],
    marks: faults.map(({ fault, minute }) => ({ name: fault, minutes: minute })),
    table: [
      ["ready again, ms", "times", "p50", "p90", "most"],
      ...byFault.map(([fault, each]) => {
        const recovered = each.map(({ recoveredMs }) => recoveredMs);
        return [fault, String(each.length), ...[50, 90, 100].map((p) => figure(recovered, p))];
      }),
    ],
  };
}

const { values, positionals } = readCommandLine({
  name: "soak",
  about: [
    "One server under steady load with a fault each minute; every answer is compared all the time, and at the end to the bit.",
    "Prints a line a minute. Exit code 1 when an answer was wrong.",
  ],
  positionals: { "HOST:PORT": "with --kafka: a broker that runs" },
  options: {
    minutes: { value: "M", text: "how long (60)" },
    rate: { value: "N", text: "readings a second (2000)" },
    data: { value: "DIR", text: "the server's data directory (one under the system's place for temporary files)" },
    kafka: { text: "reads from a broker of its own, or from HOST:PORT" },
    seed: { value: "N", text: "of the faults and readings (at random)" },
    picture: { value: "FILE", text: `percentiles over time, as SVG (${relative(process.cwd(), PICTURE)})` },
  },
});
const [minutes, rate, seed] = [values.minutes ?? 60, values.rate ?? 2000, values.seed ?? randomInt(SEED_MAX)].map(
  Number,
);
const pictureFile = values.picture ?? PICTURE;
const [address] = positionals;
if (!(minutes > 0) || !(rate > 0) || !Number.isSafeInteger(seed) || (address !== undefined && !values.kafka)) {
  refuse("soak", "expected numbers above 0, and HOST:PORT only with --kafka");
}
const broker = values.kafka && address === undefined ? await startBroker() : null;
const bootstrap = broker?.bootstrap ?? address;
const log = bootstrap === undefined ? "embedded log" : `Kafka at ${bootstrap}`;
console.log(`soak of ${minutes} min, ${rate} readings/s, ${log}, seed ${seed}`);
const killBroker = async (): Promise<void> => {
  await broker?.kill();
  await broker?.restart();
};
const report = await new Soak({
  ...{ minutes, rate, seed, print: console.log },
  ...(values.data === undefined ? {} : { data: resolve(values.data) }),
  ...(bootstrap === undefined ? {} : { kafka: bootstrap }),
  ...(broker === null ? {} : { killBroker }),
}).run();
await broker?.stop();
const date = new Date().toISOString().slice(0, 16).replace("T", " ");
const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, Node ${process.versions.node}`;
const picture = pictureOf(
  report,
  `${date} UTC, ${minutes} min, ${rate} readings/s asked for, ${log}, seed ${seed}; ${machine}`,
);
mkdirSync(dirname(pictureFile), { recursive: true });
writePicture(pictureFile, picture);
for (const row of picture.table)
  console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(16) : cell.padStart(10))).join(""));
for (const fact of picture.facts) console.log(fact);
for (const each of report.wrong) console.log(`WRONG ${each}`);
console.log(`picture: ${relative(process.cwd(), pictureFile)}`);
process.exit(report.wrong.length > 0 ? 1 : 0);
