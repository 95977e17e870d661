/** Row `http`: `POST /compute/metrics` of the whole app over keep-alive, beside a bare Fastify route and bare node:http that echo the same bodies. */
import { cpus } from "node:os";
import { join } from "node:path";
import { DAY_SECONDS } from "../data/series.ts";
import type { Row } from "../harness/bench.ts";
import { node, runForNumbers } from "../harness/child.ts";
import { Server } from "../harness/server.ts";
import { type Contestant, median } from "../harness/statistics.ts";
import type { LoadTask } from "../ours/http-load.ts";
import { figure, type Line } from "../report/results.ts";
import { pinned, startTidemark } from "./tidemark-server.ts";
import { build } from "./window.ts";

const OURS = join(import.meta.dirname, "..", "ours");
const DAYS = 1;
const CONNECTIONS = 16;
const FASTIFY = "bare Fastify echo route";
const NODE = "bare node:http echo";
const PLAIN = { tail: "", metrics: ["count", "min"] };

async function echo(kind: "fastify" | "node", core: number | null): Promise<{ port: number; stop(): Promise<void> }> {
  const { command, args } = node(join(OURS, "echo.ts"), { kind });
  const server = new Server(pinned(core, command, args));
  const port = Number((await server.line(/listens at (\d+)/))[1]);
  return { port, stop: () => server.stop() };
}

type Numbers = Record<string, number>;

async function load(
  port: number,
  ms: number,
  connections: number,
  core: number | null,
  question: typeof PLAIN,
): Promise<Numbers> {
  const task: LoadTask = { port, ms, connections, historySeconds: DAYS * DAY_SECONDS, ...question };
  const { command, args } = node(join(OURS, "http-load.ts"), task);
  return runForNumbers(pinned(core, command, args));
}

function lines(laps: ReadonlyMap<string, readonly Numbers[]>): Line[] {
  return [...laps].map(([name, own]) => {
    const bytes = figure(median(own.map((lap) => lap["answerBytes"])));
    const busy = figure(100 * median(own.map((lap) => lap["busy"])));
    return {
      name,
      laps: own.map((lap) => lap["rate"]),
      ours: name === "tidemark",
      variant: name.startsWith("tidemark,"),
      remark: `${bytes} B an answer with its head; load generator ${busy}% busy`,
    };
  });
}

const ABOUT =
  "The README's question about two sensors over random windows of a minute to a day (500 different bodies). tidemark is the whole app, its log followed: guards, limits and timeouts, lenient JSON, two windows merged from a history on disk. The Fastify route has the framework's JSON parser and gives the parsed body to `reply.send`; `node:http` collects the chunks, `JSON.parse`, `JSON.stringify`, and sends them with a Content-Length; both answer as many bytes as tidemark and have none of the rest. Servers on one core, the load generator on the other.";

export const http: Row = {
  name: "http",
  about: "POST /compute/metrics beside a bare Fastify echo route and bare node:http, one core each",
  async run(bench) {
    const data = join(bench.directory, "http");
    await build(data, DAYS);
    // The server on one core, the load on the other.
    const [serverCore, loadCore] = cpus().length > 1 ? [0, 1] : [null, null];
    const ms = bench.size(1500, 3000);
    const servers = {
      tidemark: await startTidemark({ data, log: "local", ...(serverCore === null ? {} : { core: serverCore }) }),
      fastify: await echo("fastify", serverCore),
      node: await echo("node", serverCore),
    };
    const ask = (server: keyof typeof servers, question = PLAIN, connections = CONNECTIONS) => ({
      run: () => load(servers[server].port, ms, connections, loadCore, question),
    });
    const many: Contestant<Numbers>[] = [
      { name: "tidemark", ...ask("tidemark") },
      { name: "tidemark, trailing comma", ...ask("tidemark", { ...PLAIN, tail: "," }) },
      { name: "tidemark, three quantiles", ...ask("tidemark", { tail: "", metrics: ["median", "p90", "p99"] }) },
      { name: FASTIFY, ...ask("fastify") },
      { name: NODE, ...ask("node") },
    ];
    const alone: Contestant<Numbers>[] = [
      { name: "tidemark", ...ask("tidemark", PLAIN, 1) },
      { name: FASTIFY, ...ask("fastify", PLAIN, 1) },
      { name: NODE, ...ask("node", PLAIN, 1) },
    ];
    try {
      await bench.laps(many, 1); // warms all of them
      const laps = await bench.laps(many, bench.rounds(5, 7));
      const lapsAlone = await bench.laps(alone, bench.rounds(3, 5));
      const rate = (name: string): number => median((laps.get(name) ?? []).map((lap) => lap["rate"]));
      const share = rate("tidemark") / rate(FASTIFY);
      const toNode = rate("tidemark") / rate(NODE);
      const common = { unit: "requests/s", better: "more", synced: "none while asked" } as const;
      return {
        tables: [
          {
            ...common,
            title: `POST /compute/metrics, keep-alive, ${CONNECTIONS} connections`,
            about: ABOUT,
            lines: lines(laps),
          },
          {
            ...common,
            title: "POST /compute/metrics, keep-alive, one connection",
            about:
              "The same, one request at a time: both cores wait for each other, and nothing can be written together.",
            lines: lines(lapsAlone),
          },
        ],
        goals: [
          {
            what: "`POST /compute/metrics`, keep-alive, one core",
            atLeast: "80% of a bare Fastify echo route",
            aim: "80% of bare `node:http`",
            measured: `${figure(share * 100)}% of Fastify, ${figure(toNode * 100)}% of node:http`,
            toAim: 0.8 / toNode,
            met: share >= 0.8,
          },
        ],
      };
    } finally {
      for (const server of Object.values(servers)) await server.stop();
    }
  },
};
