/** A sensor against a real HTTP server: everything is delivered with the same identity, whatever goes wrong between. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ManualClock, systemClock } from "../../../src/core/clock.ts";
import { TidemarkError } from "../../../src/core/errors.ts";
import { HttpTarget } from "../../../src/doors/simulator/http-target.ts";
import type { Sent, Target } from "../../../src/doors/simulator/send-queue.ts";
import { runSensor, type SensorOptions } from "../../../src/doors/simulator/sensor.ts";
import { startReceiver } from "./receiver.ts";

const OPTIONS: SensorOptions = {
  sensor: "temperature",
  device: "d",
  boot: "b",
  rate: 1,
  duplicates: 0,
  late: 0,
  seed: 5,
  count: null,
  fromMs: null,
};
const NEVER = new AbortController().signal;
const sequencesOf = (lines: readonly string[]): number[] => lines.map((line) => JSON.parse(line).sequence);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("over HTTP", () => {
  test("live: on the grid, one NDJSON line each, to its sensor, with the token", async () => {
    const receiver = await startReceiver();
    const lines: string[] = [];
    const target = new HttpTarget(receiver.url, "a.b", "0123456789abcdef");
    const options = { ...OPTIONS, sensor: "a.b", rate: 500, count: 40 };
    const result = await runSensor(options, target, systemClock, NEVER, (line) => lines.push(line));
    await receiver.close();
    assert.equal(result.measured, 40);
    assert.equal(result.acknowledged, 40);
    assert.equal(result.undelivered, 0);
    assert.deepEqual(sequencesOf(receiver.lines), upTo(40));
    const times: number[] = receiver.lines.map((line) => JSON.parse(line).time);
    assert.ok(times.every((time) => time % 2 === 0));
    for (const { path, headers } of receiver.requests) {
      assert.equal(path, "/readings/a.b");
      assert.equal(headers["content-type"], "application/x-ndjson");
      assert.equal(headers.authorization, "Bearer 0123456789abcdef");
    }
    assert.match(lines[0], /^a\.b: sending to http:\/\/127\.0\.0\.1:\d+ as device d, boot b$/);
    assert.match(lines.at(-1) ?? "", /^a\.b: 40 measured, 40 acknowledged, 0 waiting/);
    assert.doesNotMatch(lines.join(), /0123456789abcdef/);
  });

  test("backfill: from a past time to now, in batches, then it ends at its count", async () => {
    const receiver = await startReceiver();
    const clock = new ManualClock(Date.UTC(2020, 0, 14));
    const from = Date.UTC(2020, 0, 13, 15, 12);
    const target = new HttpTarget(receiver.url, "temperature", null);
    const options = { ...OPTIONS, fromMs: from, count: 30_000, duplicates: 0.1, late: 0.05 };
    const result = await runSensor(options, target, clock, NEVER, () => {});
    await receiver.close();
    assert.equal(result.measured, 30_000);
    assert.equal(result.acknowledged, receiver.lines.length);
    assert.ok(receiver.requests.length < 100, `${receiver.requests.length} requests`);
    const times = new Set(receiver.lines.map((line) => JSON.parse(line).time));
    assert.deepEqual(
      [...times].sort((a, b) => a - b),
      upTo(30_000).map((i) => from + i * 1000),
    );
  });

  test("errors, pauses, cut connections and lost answers: the same bytes again, in order, none lost", async () => {
    const trouble = [503, 429, "cut", "cut-after", 500, "cut-after", 502] as const;
    const receiver = await startReceiver((n) => {
      const status = trouble[Math.floor(n / 2)];
      if (n % 2 === 1 || status === undefined) return undefined;
      return { status, headers: { "retry-after": "0" } };
    });
    const target = new HttpTarget(receiver.url, "temperature", null);
    const options = { ...OPTIONS, fromMs: 1e12, count: 40_000 };
    const result = await runSensor(options, target, new ManualClock(1.1e12), NEVER, () => {});
    await receiver.close();
    assert.equal(result.acknowledged, 40_000);
    const distinct = [...new Set(receiver.lines)];
    assert.deepEqual(sequencesOf(distinct), upTo(40_000));
    assert.ok(receiver.lines.length > 40_000); // the lost answers' readings came twice, byte for byte
    for (let n = 0; n + 1 < 14; n += 2) {
      assert.deepEqual(receiver.requests[n + 1].lines, receiver.requests[n].lines, `request ${n}`);
    }
  });

  test("a server that is not there yet: tells once, then once when it is", async () => {
    const first = await startReceiver();
    const port = Number(first.url.port);
    await first.close();
    const lines: string[] = [];
    let told = (_: string): void => {};
    const trouble = new Promise<string>((resolve) => {
      told = resolve;
    });
    const running = runSensor(
      { ...OPTIONS, fromMs: 1e12, count: 10 },
      new HttpTarget(first.url, "temperature", null),
      new ManualClock(1.1e12),
      NEVER,
      (line) => {
        lines.push(line);
        if (line.includes("trying again")) told(line);
      },
    );
    assert.match(
      await trouble,
      /^temperature: Cannot send to "temperature" at http.*ECONNREFUSED.*; 10 wait, trying again$/,
    );
    const receiver = await startReceiver(() => undefined, port);
    const result = await running;
    await receiver.close();
    assert.equal(result.acknowledged, 10);
    assert.equal(lines.filter((line) => line.includes("trying again")).length, 1);
    assert.equal(lines.filter((line) => line.includes("takes readings again")).length, 1);
  });

  test("a refusal for good ends it with the server's own words", async () => {
    for (const [status, code] of [
      [401, "not-authorized"],
      [404, "not-found"],
      [413, "request-too-large"],
      [400, "request-invalid"],
    ] as const) {
      const receiver = await startReceiver(() => ({ status, body: '{"title":"No","detail":"because of this"}' }));
      const target = new HttpTarget(receiver.url, "temperature", null);
      await assert.rejects(
        runSensor({ ...OPTIONS, fromMs: 1e12 }, target, new ManualClock(1.1e12), NEVER, () => {}),
        (error) =>
          error instanceof TidemarkError &&
          error.code === code &&
          error.message.endsWith(`: ${status} because of this`),
      );
      await receiver.close();
      assert.equal(receiver.requests.length, 1);
    }
  });

  test("an acknowledgement of another number is none", async () => {
    const receiver = await startReceiver(() => ({ status: 200, body: '{"appended":3}' }));
    const target = new HttpTarget(receiver.url, "temperature", null);
    await assert.rejects(
      runSensor({ ...OPTIONS, fromMs: 1e12, count: 2 }, target, new ManualClock(1.1e12), NEVER, () => {}),
      /expected \{"appended":2\}, was \{"appended":3\}/,
    );
    await receiver.close();
  });

  test("a beginning in the future is refused", async () => {
    const target = new HttpTarget(new URL("http://127.0.0.1:1/"), "temperature", null);
    await assert.rejects(
      runSensor({ ...OPTIONS, fromMs: 2 }, target, new ManualClock(1), NEVER, () => {}),
      /--from must be in the past, was 1970-01-01T00:00:00.002Z/,
    );
  });
});

describe("on the way out", () => {
  test("what waits is delivered first, what was held back too", async () => {
    const ended = new AbortController();
    const receiver = await startReceiver();
    const target = new HttpTarget(receiver.url, "temperature", null);
    const running = runSensor({ ...OPTIONS, rate: 1000, late: 1 }, target, systemClock, ended.signal, (line) => {
      if (line.includes("sending to")) setImmediate(() => ended.abort());
    });
    const result = await running;
    await receiver.close();
    assert.equal(result.undelivered, 0);
    assert.equal(receiver.lines.length, result.measured);
  });
});

describe("when nothing is taken", () => {
  /** Refuses until told otherwise, at the speed of the machine. */
  class Door implements Target {
    readonly name = "door";
    open = false;
    taken = 0;
    readonly #waiting: (() => void)[] = [];
    async send(payloads: readonly Uint8Array[], signal: AbortSignal): Promise<Sent> {
      if (!this.open && !signal.aborted) {
        await new Promise<void>((resolve) => {
          this.#waiting.push(resolve);
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
      if (!this.open) return { acknowledged: false, error: new TidemarkError("server-unreachable", "closed") };
      this.taken += payloads.length;
      return { acknowledged: true };
    }
    unlock(): void {
      this.open = true;
      for (const go of this.#waiting) go();
    }
    async close(): Promise<void> {}
  }

  test("a full queue stops measuring, says so, and goes on with no sequence left out", async () => {
    const door = new Door();
    const lines: string[] = [];
    let nowMs = 1_600_000_000_000;
    const clock = { now: () => (nowMs += 1000), steady: () => nowMs }; // each look is a second later: 1000 readings
    const options = { ...OPTIONS, rate: 1000, count: 150_000 };
    const result = await runSensor(options, door, clock, NEVER, (line) => {
      lines.push(line);
      if (line.includes("measuring nothing")) setImmediate(() => door.unlock());
    });
    assert.equal(result.measured, 150_000);
    assert.equal(result.acknowledged, 150_000);
    assert.ok(result.skipped > 0);
    assert.ok(lines.some((line) => /^temperature: 100,000 readings wait for door: measuring nothing/.test(line)));
    assert.ok(lines.some((line) => /measuring again; [\d,]+ ticks were skipped so far/.test(line)));
  });
});
