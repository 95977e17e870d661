/**
 * Histories of messages against the oracle: readings of some devices, said in three dialects, delivered as brokers and devices do it (again after a lost
 * connection, in another order, kept for new subscribers, among messages of others), through maps and the log. Every answer equals the oracle's, which was
 * told the readings and never saw a message.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openCore } from "../../src/app.ts";
import { loadConfig } from "../../src/config/config.ts";
import { ManualClock } from "../../src/core/clock.ts";
import { TidemarkError } from "../../src/core/errors.ts";
import { openZone } from "../../src/core/zone.ts";
import type { ReadingsLog } from "../../src/doors/body.ts";
import { MappedDoor } from "../../src/doors/mapped-door.ts";
import { readMaps } from "../../src/doors/mapping/map-spec.ts";
import { Maps } from "../../src/doors/mapping/maps.ts";
import { Unrouted } from "../../src/doors/mapping/unrouted.ts";
import { MessageQueue, type Sender } from "../../src/doors/mqtt/message-queue.ts";
import type { Publish } from "../../src/doors/mqtt/packets.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import { Oracle } from "../oracle/oracle.ts";
import { Seeded } from "../oracle/seeded.ts";
import { compareWindows } from "../simulation/compare-windows.ts";
import { eventually } from "../system/cli.ts";

const NOW = Date.UTC(2026, 4, 1, 12);
const MESSAGES = 1500;
const WINDOWS = 40;
const MAPS = [
  { like: "zigbee2mqtt" },
  { like: "tasmota" },
  { name: "packs", like: "senml", topic: "packs/#" },
  { name: "never", topic: "never/{device}", readings: [{ at: "t", sensor: "temperature" }] },
];

interface Reading {
  readonly sensor: string;
  readonly device: string;
  readonly value: number;
  readonly time: number;
}

interface Message {
  readonly topic: string;
  readonly text: string;
  readonly readings: readonly Reading[];
}

/** As the map's page says it: 12 significant digits of what was scaled. */
const celsiusOf = (fahrenheit: number) => Number((((fahrenheit - 32) * 5) / 9).toPrecision(12));

/** A message of one dialect, and what it says. No two have a device and a time in common. */
function messageOf(random: Seeded, n: number): Message {
  const value = () => random.int(-4000, 9000) / 100;
  const time = NOW - 30 * 86_400_000 + n * 7000;
  const dialect = random.int(0, 2);
  if (dialect === 0) {
    const device = random.pick(["kitchen", "hall/window", "Küche 2"]);
    const [temperature, humidity] = [value(), random.chance(0.5) ? random.int(0, 100) : null];
    const stamp = random.chance(0.5) ? time : new Date(time).toISOString();
    const fields = { linkquality: 7, humidity, temperature, update: { state: "idle" }, last_seen: stamp };
    const readings = [{ sensor: "temperature", device, value: temperature, time }];
    if (humidity !== null) readings.push({ sensor: "humidity", device, value: humidity, time });
    return { topic: `zigbee2mqtt/${device}`, text: JSON.stringify(fields), readings };
  }
  if (dialect === 1) {
    const node = random.pick(["cellar", "shed"]);
    const unit = random.pick(["C", "F"]);
    const seconds = Math.floor(time / 1000) * 1000;
    const probes = random.chance(0.5) ? ["DS18B20-1", "DS18B20-2"] : ["AM2301"];
    const said = probes.map((probe) => ({ probe, value: value() }));
    const fields = Object.fromEntries(said.map((each) => [each.probe, { Id: "01131", Temperature: each.value }]));
    const text = JSON.stringify({ Time: new Date(seconds).toISOString().slice(0, 19), ...fields, TempUnit: unit });
    const readings = said.map((each) => {
      const celsius = unit === "F" ? celsiusOf(each.value) : each.value;
      return { sensor: "temperature", device: `${node}/${each.probe}`, value: celsius, time: seconds };
    });
    return { topic: `tele/${node}/SENSOR`, text, readings };
  }
  const base = random.pick(["urn:dev:a:", "urn:dev:b:"]);
  const seconds = Math.floor(time / 1000);
  const [first, second] = [value(), value()];
  const pack = [
    { bn: base, bt: seconds - 1, n: "voltage", u: "V", v: first },
    { n: "voltage", t: 1, v: second },
    { n: "label", vs: "on" },
  ];
  const readings = [
    { sensor: "voltage", device: base.slice(0, -1), value: first, time: (seconds - 1) * 1000 },
    { sensor: "voltage", device: base.slice(0, -1), value: second, time: seconds * 1000 },
  ];
  return { topic: "packs/node", text: JSON.stringify(pack), readings };
}

/** A connection: what it brought and has not been told of comes again on another. */
class Line implements Sender {
  readonly acknowledged = new Set<number>();

  acknowledge(messages: readonly Publish[]): void {
    for (const { packetId } of messages) if (packetId !== null) this.acknowledged.add(packetId);
  }
}

for (const seed of [1, 2, 3]) {
  test(`messages of three dialects, seed ${seed}`, async () => {
    const random = new Seeded(seed);
    const directory = mkdtempSync(join(tmpdir(), "tidemark-doors-oracle-"));
    const clock = new ManualClock(NOW);
    const { invocation } = loadConfig(["serve", "--timezone", "UTC"], {}, "/");
    assert.ok(invocation.command === "serve");
    const core = await openCore({ ...invocation.config, data: directory }, clock);
    const bugs: unknown[] = [];
    let failures = 0;
    const log: ReadingsLog = {
      append: async (topic, records) => {
        // Also after it was durable: then nobody knows.
        const fails = random.chance(0.05) ? random.pick(["before", "after"]) : null;
        if (fails !== null) failures++;
        if (fails === "before") throw new TidemarkError("log-unreachable", "Cannot append: no answer");
        await core.log.append(topic, records);
        if (fails === "after") throw new TidemarkError("log-unreachable", "Cannot append: no answer");
      },
    };
    const maps = new Maps(readMaps(MAPS, "a test"), openZone("UTC"));
    const unrouted = new Unrouted();
    const door = new MappedDoor("mqtt", { engine: core.engine, log, maps, unrouted, clock });
    const queue = new MessageQueue({ door, onFull: () => {}, onBug: (bug) => bugs.push(bug) });
    try {
      const messages = Array.from({ length: MESSAGES }, (_, n) => messageOf(random, n));
      const waiting = new Map(messages.map((message, n) => [n, message]));
      let [line, deliveries, lost, kept] = [new Line(), 0, 0, 0];
      const deliver = (n: number, { topic, text }: Message, isRetained = false) => {
        const qos = isRetained ? 0 : 1;
        const packetId = qos === 0 ? null : n;
        queue.came({ topic, body: Buffer.from(text), qos, packetId, isRetained, isCut: false }, line);
      };
      while (waiting.size > 0) {
        for (const [n, message] of random.shuffle([...waiting]).slice(0, random.int(1, 200))) {
          deliver(n, message);
          deliveries++;
          if (random.chance(0.1)) deliver(n, message); // again, with its DUP flag
          if (random.chance(0.1)) queue.came({ ...NOISE, body: Buffer.from("{}") }, line);
          if (random.chance(0.05)) {
            // Kept by the broker: another value that was true once.
            deliver(n, { ...message, text: message.text.replace(/\d+\.\d+/, "1234.5") }, true);
            kept++;
          }
        }
        if (random.chance(0.3)) {
          await new Promise(setImmediate);
          queue.lost(line);
          line = new Line();
          lost++;
          continue;
        }
        const last = line;
        const expected = [...waiting].length;
        await eventually(() => assert.equal(queue.isIdle, true));
        for (const n of last.acknowledged) waiting.delete(n);
        assert.ok(waiting.size <= expected);
      }
      await eventually(() => assert.equal(queue.isIdle, true));
      const oracle = new Oracle();
      let offset = 0;
      for (const { sensor, device, value, time } of messages.flatMap(({ readings }) => readings)) {
        oracle.receive({
          ...{ sensor, topicId: sensor, partition: 0, offset: offset++, recordTime: NOW, appendTime: true },
          ...{ key: null, nowMs: NOW, value: Buffer.from(JSON.stringify({ id: `${offset}`, device, value, time })) },
        });
      }
      const { engine } = core;
      await eventually(() => {
        for (const sensor of oracle.sensors) {
          assert.ok(engine.status(sensor).totals.counted >= oracle.totals(sensor).counted, sensor);
        }
        assert.equal(engine.backlog, 0);
      });
      for (const sensor of oracle.sensors) {
        const { counted, conflicts, rejected, quarantined, duplicates } = engine.status(sensor).totals;
        assert.deepEqual([counted, conflicts, rejected, quarantined], [oracle.totals(sensor).counted, 0, 0, 0], sensor);
        assert.ok(duplicates > 0, `${sensor}: nothing came twice`);
      }
      compareWindows({ oracle, pipeline: engine as Pipeline, nowMs: NOW, deletedBefore: new Map() }, WINDOWS, random);
      const { refused, retained, unrouted: missed } = door.counts;
      assert.deepEqual([refused, bugs], [0, []]);
      assert.ok(retained > 0 && missed > 0 && lost > 0 && failures > 0 && deliveries > MESSAGES && kept > 0);
    } finally {
      await queue.close();
      await core.close();
      rmSync(directory, { recursive: true });
    }
  });
}

const NOISE = { topic: "elsewhere/1", qos: 0, packetId: null, isRetained: false, isCut: false } as const;
