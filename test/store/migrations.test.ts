/**
 * A data directory of version 2, made by the program of that time (commit eef4cd0): it opens, says that it was migrated, and answers the same to the bit.
 * `answers.json` is what that program answered from it after a restart, and what was sent to it.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { openApp } from "../../src/app.ts";
import type { Config } from "../../src/config/server-config.ts";
import { ManualClock } from "../../src/core/clock.ts";
import type { OnNotice } from "../../src/core/notice.ts";
import { Database } from "../../src/store/database.ts";
import { HISTORY_VERSION } from "../../src/store/migrations.ts";

const FIXTURE = join(import.meta.dirname, "version-2");

interface Answers {
  readonly nowMs: number;
  readonly compute: readonly { readonly body: object; readonly answer: string }[];
  readonly lists: Readonly<Record<string, { readonly items: readonly Record<string, unknown>[] }>>;
  /** By sensor: readings that were counted, held back or taken for duplicates. */
  readonly sent: Readonly<Record<string, readonly object[]>>;
}

const answers: Answers = JSON.parse(gunzipSync(readFileSync(join(FIXTURE, "answers.json.gz"))).toString());

async function withOldData(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-version-2-"));
  try {
    for (const name of ["history.db", "log.db"]) {
      writeFileSync(join(directory, name), gunzipSync(readFileSync(join(FIXTURE, `${name}.gz`))));
    }
    await body(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const config = (data: string): Config => ({
  ...{
    log: { kind: "local" },
    data,
    sensors: ["temperature", "humidity", "spread"],
    topics: null,
    createTopics: false,
  },
  ...{
    hosts: ["127.0.0.1"],
    port: 0,
    tokens: [],
    tls: null,
    requestsPerSecond: null,
    allowAnonymous: false,
    mqttListen: null,
    publicUrls: [],
    corsOrigins: [],
    revisionBytes: 1e6,
  },
  doors: { file: "", map: undefined, mqtt: undefined, mqttUser: undefined, mqttPassword: undefined },
  alerts: { file: "", alerts: undefined },
  ...{
    timezone: "UTC",
    keepMs: null,
    logRetentionBytes: 16_000_000,
    logFormat: "text",
    deviceSeries: 1000,
    clockAheadMs: 300_000,
  },
  influx: { sensor: [], device: [] },
});

async function ask(port: number, path: string, body?: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, body === undefined ? {} : { method: "POST", body });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text;
}

/** To the bit, but for percentiles: that program rounded their ranks, and was off by up to 1% past 1,024 values. */
function assertAnswer(answer: string, before: string): void {
  const [now, then] = [answer, before].map((text) => JSON.parse(text));
  for (const [sensor, metrics] of Object.entries<Record<string, number | null>>(then.result)) {
    for (const [metric, value] of Object.entries(metrics)) {
      const got = now.result[sensor][metric];
      if (!/^(p\d|median)/.test(metric) || value === null) assert.equal(got, value, `${metric} of ${sensor}`);
      else assert.ok(Math.abs(got - value) <= 0.01 * Math.abs(value), `${metric} of ${sensor}: ${value}, now ${got}`);
    }
  }
  assert.deepEqual(now.errors, then.errors);
}

test("a history of version 2 opens, answers the same to the bit, knows every reading again, and says once that it was migrated", () =>
  withOldData(async (directory) => {
    const notices: string[] = [];
    const clock = new ManualClock(answers.nowMs);
    const note: OnNotice = (notice, kind) => {
      if (kind === "migrated") notices.push(notice);
    };
    let app = await openApp(config(directory), clock, note);
    try {
      assert.deepEqual(
        notices.map((notice) => /version 2 .* version (\d+)/.exec(notice)?.[1]),
        [String(HISTORY_VERSION)],
      );
      for (const { body, answer } of answers.compute) {
        assertAnswer(await ask(app.port, "/compute/metrics", JSON.stringify(body)), answer);
      }
      for (const [path, { items }] of Object.entries(answers.lists)) {
        const now = JSON.parse(await ask(app.port, path)).items;
        // What is shown may have become more, and a mark known at once; the sentence about a rejection is the program's, its code is the history's.
        const wanted = items.map(({ reason, completeUntil, ...item }) => ({
          ...item,
          ...(path !== "/rejections" && reason !== undefined && { reason }),
          ...(completeUntil !== null && { completeUntil }),
        }));
        const known = now.map((item: Record<string, unknown>, i: number) =>
          Object.fromEntries(Object.keys(wanted[i] ?? {}).map((key) => [key, item[key]])),
        );
        assert.deepEqual(known, wanted, path);
      }
      for (const [sensor, readings] of Object.entries(answers.sent)) {
        await ask(app.port, `/readings/${sensor}`, readings.map((reading) => JSON.stringify(reading)).join("\n"));
      }
      for (const { sensor, received, duplicates, counted } of answers.lists["/sensors"].items) {
        const sent = answers.sent[String(sensor)].length;
        for (;;) {
          const { items } = JSON.parse(await ask(app.port, "/sensors"));
          const now = items.find((item: { sensor: unknown }) => item.sensor === sensor);
          if (now.received < Number(received) + sent) continue;
          assert.deepEqual([now.duplicates, now.counted], [Number(duplicates) + sent, counted], String(sensor));
          break;
        }
      }
      await app.close();
      app = await openApp(config(directory), clock, note);
      assert.equal(notices.length, 1);
      const { body, answer } = answers.compute[0];
      assertAnswer(await ask(app.port, "/compute/metrics", JSON.stringify(body)), answer);
    } finally {
      await app.close();
    }
  }));

test("a migration that is interrupted leaves the file as it was", () =>
  withOldData(async (directory) => {
    const file = join(directory, "history.db");
    const db = new DatabaseSync(file);
    db.exec("ALTER TABLE rejection ADD COLUMN reading INTEGER"); // as if it had been made by somebody else: the migration cannot
    db.close();
    assert.throws(() => Database.open(directory), { code: "data-dir-unusable" });
    const again = new DatabaseSync(file);
    assert.equal(again.prepare("PRAGMA user_version").get()?.user_version, 2);
    again.close();
  }));

test("versions before the oldest and after the newest are refused, and left as they are", () =>
  withOldData(async (directory) => {
    for (const [version, code, wanted] of [
      [1, "history-too-old", ">= 2"],
      [HISTORY_VERSION + 1, "history-too-new", `<= ${HISTORY_VERSION}`],
    ] as const) {
      const db = new DatabaseSync(join(directory, "history.db"));
      db.exec(`PRAGMA user_version=${version}`);
      db.close();
      // Of the version before.
      rmSync(join(directory, "history.sums"), { force: true });
      assert.throws(() => Database.open(directory), { code, message: new RegExp(`must be ${wanted}, was ${version}`) });
    }
  }));
