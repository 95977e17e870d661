/** Brokers of before version 5: whatever they answer to it, they are spoken to by 3.1.1. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { openZone } from "../../src/core/zone.ts";
import { readMaps } from "../../src/doors/mapping/map-spec.ts";
import { Maps } from "../../src/doors/mapping/maps.ts";
import { Unrouted } from "../../src/doors/mapping/unrouted.ts";
import { MqttDoor } from "../../src/doors/mqtt/mqtt-door.ts";
import { readMqttSettings } from "../../src/doors/mqtt/mqtt-settings.ts";
import { MemoryLog } from "../server/fixture.ts";
import { publishBytes } from "./mqtt-client.ts";

for (const [what, answer] of [
  ["CONNACK 1", "20020001"],
  ["CONNACK of version 5", "2003008400"],
  ["a reason that it has of its own", "20020081"],
  ["nothing, and the end of the connection", ""],
] as const) {
  test(what, async () => {
    const levels: number[] = [];
    const acknowledged = Promise.withResolvers<string>();
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (bytes) => {
        if (bytes[0] === 0x10) {
          levels.push(bytes[8]);
          if (bytes[8] === 5) socket.end(Buffer.from(answer, "hex"));
          else socket.write(Buffer.from([0x20, 2, 0, 0]));
        } else if (bytes[0] === 0x82) {
          socket.write(
            Buffer.concat([Buffer.from([0x90, 3, bytes[2], bytes[3], 1]), publishBytes(4, "t/a", "7", { id: 5 })]),
          );
        } else if (bytes[0] === 0x40) acknowledged.resolve(bytes.toString("hex"));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const mqtt = { url: `mqtt://127.0.0.1:${port}`, unrouted: false };
    const settings = readMqttSettings({ file: "a test", mqtt, mqttUser: undefined, mqttPassword: undefined });
    const map = [{ name: "m", topic: "t/{device}", readings: [{ at: "", sensor: "temperature" }] }];
    const log = new MemoryLog();
    const sensors = { find: () => ({ followed: true }) };
    const engine = { sensors, refusal: () => null, admit: async () => {}, topicOf: (sensor: string) => sensor };
    const notices: string[] = [];
    const maps = new Maps(readMaps(map, "a test"), openZone("UTC"));
    const door = new MqttDoor(
      settings,
      { engine, log, maps, unrouted: new Unrouted(), clock: new ManualClock(0) },
      (bug) => acknowledged.reject(bug),
      (text, kind) => notices.push(`${kind} ${text}`),
    );
    door.open();
    assert.equal(await acknowledged.promise, "40020005");
    assert.deepEqual(levels, [5, 4]);
    assert.equal(door.trouble, null);
    assert.match(
      notices.join("\n"),
      /^door-shut mqtt: no connection to .*\ndoor-open mqtt: connected to .*, 1 topic of 1 map$/,
    );
    assert.deepEqual(log.last(), ['{"device":"a","value":7}']);
    await door.close();
    await new Promise((closed) => server.close(closed));
  });
}
