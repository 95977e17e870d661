/** Writes line protocol as fast as a server takes it, and waits until all of it can be asked for: seconds, and the server's CPU time. */
import { readFileSync } from "node:fs";
import { HttpConnection } from "../harness/http-client.ts";
import { argument } from "../harness/lap.ts";

export interface InfluxTask {
  readonly port: number;
  /** Of the server's process. */
  readonly pid: number;
  readonly who: "tidemark" | "victoria";
  readonly lines: number;
  readonly fields: number;
  /** Different for each lap: the lines of another are duplicates. */
  readonly lap: number;
}

const CONNECTIONS = 4;
const HOSTS = 100;
/** As many as a Telegraf sends at once when it is told to hurry. */
const LINES_A_REQUEST = 5000;
/** Laps are so far apart, ms. */
const LAP_MS = 30 * 86_400_000;
const START_MS = Date.UTC(2024, 0, 1);
/** The kernel's clock ticks a second, on every Linux that Node runs on. */
const TICKS = 100;

const { port, pid, who, lines, fields, lap } = argument<InfluxTask>();

function requestOf(body: string): Buffer {
  const head = `POST /write?precision=ns HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.from(head + body);
}

function requests(): Buffer[] {
  const made: Buffer[] = [];
  for (let line = 0; line < lines; ) {
    let body = "";
    for (const end = Math.min(lines, line + LINES_A_REQUEST); line < end; line++) {
      const host = line % HOSTS;
      const time = START_MS + lap * LAP_MS + Math.floor(line / HOSTS) * 10_000;
      const values = Array.from({ length: fields }, (_, i) => `usage_${i}=${((line * 7 + i * 131) % 1000) / 10}`);
      body += `cpu,cpu=cpu-total,host=host_${host},region=eu-west-1 ${values.join(",")} ${time}000000\n`;
    }
    made.push(requestOf(body));
  }
  return made;
}

function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

async function counted(): Promise<number> {
  const [from, to] = [START_MS + lap * LAP_MS, START_MS + (lap + 1) * LAP_MS - 1000];
  const body = JSON.stringify({ cpu_usage_0: ["count"], from, to });
  const response = await fetch(`http://127.0.0.1:${port}/compute/metrics`, { method: "POST", body });
  const { result } = (await response.json()) as { result: { cpu_usage_0?: { count: number } } };
  return result.cpu_usage_0?.count ?? 0;
}

const prepared = requests();
const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => HttpConnection.open(port)));
const cpu = cpuSeconds();
const start = performance.now();
let next = 0;
await Promise.all(
  connections.map(async (connection) => {
    while (next < prepared.length) await connection.ask(prepared[next++]);
  }),
);
const acknowledged = (performance.now() - start) / 1000;
if (who === "tidemark") while ((await counted()) < lines);
else await (await fetch(`http://127.0.0.1:${port}/internal/force_flush`)).text();
const seconds = (performance.now() - start) / 1000;
console.log(JSON.stringify({ seconds, acknowledged, cpuSeconds: cpuSeconds() - cpu }));
process.exit(0);
