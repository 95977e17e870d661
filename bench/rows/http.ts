/** Row `http`: `POST /compute/metrics` of the whole app over keep-alive, beside a bare Fastify route and bare node:http that echo the same bodies. */
import { cpus } from "node:os";
import { join } from "node:path";
import { DAY_SECONDS } from "../data/series.ts";
import type { Row } from "../harness/bench.ts";
import { node, runForNumbers } from "../harness/child.ts";
import { Server } from "../harness/server.ts";
import { type Contestant, median } from "../harness/statistics.ts";
import type { LoadTask } from "../ours/http-load.ts";
import { figure } from "../report/results.ts";
import { pinned, startTidemark } from "./tidemark-server.ts";
import { build } from "./window.ts";

const OURS = join(import.meta.dirname, "..", "ours");
const DAYS = 1;
const PLAIN = { tail: "", metrics: ["count", "min"] };

async function echo(kind: "fastify" | "node", core: number | null): Promise<{ port: number; stop(): Promise<void> }> {
  const { command, args } = node(join(OURS, "echo.ts"), { kind });
  const server = new Server(pinned(core, command, args));
  const port = Number((await server.line(/listens at (\d+)/))[1]);
  return { port, stop: () => server.stop() };
}

async function rate(port: number, ms: number, core: number | null, question: typeof PLAIN): Promise<number> {
  const task: LoadTask = { port, ms, historySeconds: DAYS * DAY_SECONDS, ...question };
  const { command, args } = node(join(OURS, "http-load.ts"), task);
  return (await runForNumbers(pinned(core, command, args)))["rate"];
}

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
    const ask = (server: keyof typeof servers, question = PLAIN) => ({
      run: () => rate(servers[server].port, ms, loadCore, question),
    });
    const contestants: Contestant<number>[] = [
      { name: "tidemark", ...ask("tidemark") },
      { name: "tidemark, trailing comma", ...ask("tidemark", { ...PLAIN, tail: "," }) },
      { name: "tidemark, three quantiles", ...ask("tidemark", { tail: "", metrics: ["median", "p90", "p99"] }) },
      { name: "bare Fastify echo route", ...ask("fastify") },
      { name: "bare node:http echo", ...ask("node") },
    ];
    try {
      await bench.laps(contestants, 1); // warms all of them
      const laps = await bench.laps(contestants, bench.rounds(5, 7));
      const lines = [...laps].map(([name, own]) => ({
        ...{ name, laps: own, ours: name === "tidemark", variant: name.startsWith("tidemark,") },
      }));
      const of = (name: string): number => median(laps.get(name) ?? []);
      const share = of("tidemark") / of("bare Fastify echo route");
      const toNode = of("tidemark") / of("bare node:http echo");
      return {
        tables: [
          {
            title: "POST /compute/metrics, keep-alive, 16 connections",
            about: `The README's question about random windows of a minute to a day (500 different bodies). The whole app, its log followed, on one core; the load generator on the other. The echo routes parse the same bodies and send them back.`,
            unit: "requests/s",
            better: "more",
            synced: "none while asked",
            lines,
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
