/** A real server with a clock that a test moves, and a configuration file's `alerts`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type App, openApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/config.ts";
import { ManualClock } from "../../src/core/clock.ts";

const NOON = Date.UTC(2026, 4, 1, 12);

/** JSON, of whatever form the test knows it to be. */
// biome-ignore lint/suspicious/noExplicitAny: a test that is wrong about the form fails
type Answer = any;

export interface Started {
  readonly directory: string;
  readonly clock: ManualClock;
  readonly app: App;
  readonly notices: readonly string[];
  /** JSON of an answer, and its status. */
  ask(path: string, method?: string, body?: unknown): Promise<{ status: number; body: Answer }>;
  /** Readings of these seconds after NOON. */
  send(
    sensor: string,
    ...readings: readonly (readonly [second: number, value: number, device?: string])[]
  ): Promise<void>;
  /** Asks until it is so. */
  until<T>(look: () => Promise<T>, isSo: (found: T) => boolean): Promise<T>;
  restart(): Promise<void>;
}

export async function startServer(t: TestContext, alerts: unknown): Promise<Started> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-alerts-"));
  const clock = new ManualClock(NOON);
  const notices: string[] = [];
  const open = async (): Promise<App> => {
    const { invocation } = loadConfig(["serve", "--data", directory, "--timezone", "UTC"], {}, "/");
    if (invocation.command !== "serve") throw new Error("not serve");
    const config = { ...invocation.config, port: 0, alerts: { file: "tidemark.config.json", alerts } };
    return openApp(config, clock, (text) => notices.push(text));
  };
  let close = async () => {};
  t.after(async () => {
    await close();
    rmSync(directory, { recursive: true });
  });
  let app = await open();
  close = () => app.close();
  const started: Started = {
    directory,
    clock,
    notices,
    get app() {
      return app;
    },
    async ask(path, method = "GET", body) {
      const sent = body === undefined ? {} : { body: JSON.stringify(body) };
      const answer = await fetch(`http://127.0.0.1:${app.port}${path}`, { method, ...sent });
      return { status: answer.status, body: await answer.json() };
    },
    async send(sensor, ...readings) {
      const lines = readings.map(([second, value, device = "d"]) =>
        JSON.stringify({ device, boot: "b", sequence: 1_000_000 + second, time: NOON + second * 1000, value }),
      );
      const body = lines.join("\n");
      const answer = await fetch(`http://127.0.0.1:${app.port}/readings/${sensor}`, { method: "POST", body });
      if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
    },
    async until(look, isSo) {
      for (;;) {
        const found = await look();
        if (isSo(found)) return found;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async restart() {
      await app.close();
      app = await open();
    },
  };
  return started;
}
