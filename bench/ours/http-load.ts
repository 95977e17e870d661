/** The load generator in a process (and on a core) of its own: answers a second, their size, and how busy it was itself. Its bodies are README questions about windows of a minute to a day. */
import { Random } from "../../src/core/random.ts";
import { START_SECOND } from "../data/series.ts";
import { load, postRequest } from "../harness/http-client.ts";
import { argument } from "../harness/lap.ts";

export interface LoadTask {
  readonly port: number;
  readonly ms: number;
  readonly connections?: number;
  readonly historySeconds: number;
  /** Appended before the closing brace: "," tries the trailing comma. */
  readonly tail: string;
  readonly metrics: readonly string[];
}

/** Unless the task says otherwise. */
const CONNECTIONS = 16;
/** Different bodies in turn, so that no cache of one answer would help. */
const BODIES = 500;

const { port, ms, connections = CONNECTIONS, historySeconds, tail, metrics } = argument<LoadTask>();
const random = new Random(7);
const longest = Math.min(86_400, historySeconds);
const timeText = (second: number): string =>
  new Date((START_SECOND + second) * 1000).toISOString().slice(0, 19).replace("T", " ");
const requests = Array.from({ length: BODIES }, () => {
  const seconds = Math.floor(60 * (longest / 60) ** random.next());
  const from = random.integer(0, historySeconds - seconds);
  const body = `{\n\t"temperature" : ${JSON.stringify(metrics)},\n\t"humidity" : ["average", "max"],\n\t"from": "${timeText(from)}",\n\t"to": "${timeText(from + seconds - 1)}"${tail}\n}`;
  return postRequest("/compute/metrics", body);
});
console.log(JSON.stringify(await load(port, requests, connections, ms)));
process.exit(0);
