/** A server over a scan engine and a log in memory, with a clock that stands still. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { FastifyInstance } from "fastify";
import { AlertStore } from "../../src/alerts/alert-store.ts";
import { Alerts } from "../../src/alerts/alerts.ts";
import { ManualClock } from "../../src/core/clock.ts";
import { ROLES, Tokens } from "../../src/core/tokens.ts";
import { openZone } from "../../src/core/zone.ts";
import type { ReadingsLog } from "../../src/doors/body.ts";
import { Doors } from "../../src/doors/doors.ts";
import type { NewRecord } from "../../src/log/log.ts";
import { createServer, type HttpServer, type ServerOptions } from "../../src/server/server.ts";
import { ScanEngine } from "./scan-engine.ts";
import { watchAnswers } from "./watched-answers.ts";

export const NOON = Date.UTC(2020, 0, 13, 12);

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

/** Keeps what is appended; `hold` or `failure` decide what becomes of the next appends. */
export class MemoryLog implements ReadingsLog {
  readonly appends: { readonly topic: string; readonly records: readonly NewRecord[] }[] = [];
  failure: Error | null = null;
  hold: Promise<void> = Promise.resolve();

  async append(topic: string, records: readonly NewRecord[]): Promise<void> {
    await this.hold;
    if (this.failure !== null) throw this.failure;
    this.appends.push({ topic, records });
  }

  /** The values of the last append, as texts. */
  last(): string[] {
    return (this.appends.at(-1)?.records ?? []).map(({ value }) => Buffer.from(value).toString("utf8"));
  }
}

export interface Fixture {
  readonly server: HttpServer;
  /** The server's. */
  readonly app: FastifyInstance;
  readonly engine: ScanEngine;
  readonly log: MemoryLog;
  readonly clock: ManualClock;
  /** Exceptions that were reported as bugs. */
  readonly bugs: unknown[];
}

/** `token`: one for everything. */
export type FixtureOptions = Partial<ServerOptions> & { readonly token?: string | null };

/** @param map of the doors */
export async function openFixture(
  { token = null, ...options }: FixtureOptions = {},
  engine = new ScanEngine(),
  map?: unknown,
): Promise<Fixture> {
  const log = new MemoryLog();
  const clock = new ManualClock(NOON);
  const bugs: unknown[] = [];
  const zone = openZone("Europe/Berlin");
  const doors = new Doors(
    {
      ...{ file: "tidemark.config.json", map, listens: false },
      ...{ mqtt: undefined, mqttUser: undefined, mqttPassword: undefined },
    },
    { engine, log, clock, zone, onBug: (error) => bugs.push(error) },
  );
  directories.push(mkdtempSync(join(tmpdir(), "tidemark-fixture-")));
  const store = AlertStore.open(directories[directories.length - 1]);
  const ofAlerts = { engine, store, clock, zone, configured: {}, file: "tidemark.config.json", targets: [] };
  const alerts = new Alerts({ ...ofAlerts, onBug: (error) => bugs.push(error) });
  const server = await createServer({
    engine,
    alerts: { alerts, deliveries: () => [] },
    log,
    clock,
    zone,
    doors,
    tokens: token === null ? null : new Tokens([{ text: token, roles: ROLES }]),
    onBug: (error) => bugs.push(error),
    ...options,
  });
  watchAnswers(server);
  return { server, app: server.app, engine, log, clock, bugs };
}
