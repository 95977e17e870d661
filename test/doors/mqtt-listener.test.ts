/** The MQTT listener, byte by byte: who is let in, when a message is acknowledged, and what becomes of what is not. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { TidemarkError } from "../../src/core/errors.ts";
import { openZone } from "../../src/core/zone.ts";
import { readMaps } from "../../src/doors/mapping/map-spec.ts";
import { Maps } from "../../src/doors/mapping/maps.ts";
import { Unrouted } from "../../src/doors/mapping/unrouted.ts";
import { ListenerDoor } from "../../src/doors/mqtt/listener-door.ts";
import type { Admission } from "../../src/doors/mqtt/listener-session.ts";
import { MemoryLog } from "../server/fixture.ts";
import { eventually } from "../system/cli.ts";
import { connectBytes, publishBytes, RawClient, subscribeBytes } from "./mqtt-client.ts";

const MAPS = [{ name: "m", topic: "t/{device}/{sensor}", readings: [{ at: "", sensor: "{sensor}" }] }];
const [CONNACK, PUBACK, PUBREC, PUBCOMP, SUBACK, UNSUBACK, PINGRESP, DISCONNECT] = [2, 4, 5, 7, 9, 11, 13, 14];

const doors: ListenerDoor[] = [];
after(() => Promise.all(doors.map((door) => door.close())));

/** Whose append of these topics fails. */
class ChosenLog extends MemoryLog {
  readonly missing = new Set<string>();

  override async append(topic: string, records: Parameters<MemoryLog["append"]>[1]): Promise<void> {
    if (this.missing.has(topic)) throw new TidemarkError("topic-missing", `Cannot append to "${topic}": not there`);
    await super.append(topic, records);
  }
}

async function open(admit: (password: string | undefined) => Admission = () => ({ isValid: () => true })) {
  const log = new ChosenLog();
  const clock = new ManualClock(Date.UTC(2026, 0, 1));
  const bugs: unknown[] = [];
  const notices: string[] = [];
  const unrouted = new Unrouted();
  const sensors = { find: () => ({ followed: true }) };
  const engine = { sensors, refusal: () => null, admit: async () => {}, topicOf: (sensor: string) => sensor };
  const maps = new Maps(readMaps(MAPS, "a test"), openZone("UTC"));
  const door = new ListenerDoor(
    { engine, log, maps, unrouted, clock },
    (bug) => bugs.push(bug),
    (text) => notices.push(text),
  );
  doors.push(door);
  const port = await door.open({ port: 0, hosts: ["127.0.0.1"], tls: null, admit: (_socket, text) => admit(text) });
  return { log, clock, door, port, bugs, notices, unrouted };
}

async function greeted(port: number, version: number, greeting: Parameters<typeof connectBytes>[1] = {}) {
  const client = new RawClient(port);
  client.send(connectBytes(version, greeting));
  const [welcome] = await client.read(1);
  assert.deepEqual([welcome?.type, welcome?.body[1]], [CONNACK, 0]);
  return client;
}

const valuesOf = ({ appends }: MemoryLog): number[] =>
  appends.flatMap(({ records }) => records.map(({ value }) => JSON.parse(Buffer.from(value).toString()).value));

/** A gate before the log. */
function shut(log: MemoryLog): () => void {
  const gate = Promise.withResolvers<void>();
  log.hold = gate.promise;
  return gate.resolve;
}

for (const version of [4, 5]) {
  describe(`version ${version === 4 ? "3.1.1" : "5"}`, () => {
    test("what a client is told when it is let in", async () => {
      const { port } = await open();
      const client = new RawClient(port);
      client.send(connectBytes(version, { id: "" }));
      const [{ body }] = await client.read(1);
      const id = Buffer.from("tidemark-1").toString("hex");
      const told = `000021${"1100000000"}${"2103e8"}${"2401"}${"2700411170"}${"2800"}${"2900"}${"2a00"}12000a${id}`;
      assert.equal(body.toString("hex"), version === 4 ? "0000" : told.replace("000021", "000022"));
    });

    test("messages are acknowledged in order, once they are durable; many are one append", async () => {
      const { log, door, port, bugs } = await open();
      const client = await greeted(port, version);
      const release = shut(log);
      client.send(publishBytes(version, "t/d/a", "0", { id: 9 }));
      await eventually(() => assert.equal(door.counts.messages, 1));
      const rest = Array.from({ length: 300 }, (_, i) => publishBytes(version, "t/d/a", String(i + 1), { id: 10 + i }));
      client.send(...rest, Buffer.from([0xc0, 0]));
      assert.deepEqual(
        (await client.read(1)).map(({ type }) => type),
        [PINGRESP],
        "a ping is answered, and nothing acknowledged",
      );
      assert.equal(client.waiting, 0);
      release();
      const acks = await client.read(301);
      assert.deepEqual(
        acks.map(({ type, body }) => [type, body.readUInt16BE(0)]),
        acks.map((_, i) => [PUBACK, 9 + i]),
      );
      assert.deepEqual(
        valuesOf(log),
        acks.map((_, i) => i),
      );
      assert.equal(log.appends.length, 2);
      assert.deepEqual(bugs, []);
    });

    test("a log that takes nothing: nothing is acknowledged, and it says why; then all is", async () => {
      const { log, door, port } = await open();
      const client = await greeted(port, version);
      log.failure = new TidemarkError("log-full", "Cannot append: full");
      client.send(publishBytes(version, "t/d/a", "1"));
      await eventually(() => assert.equal(door.trouble, "Cannot append: full"));
      assert.equal(client.waiting, 0);
      log.failure = null;
      assert.deepEqual((await client.read(1))[0].type, PUBACK);
      assert.deepEqual([valuesOf(log), door.trouble], [[1], null]);
    });

    test("a topic that is not there holds up no other", async () => {
      const { log, door, port } = await open();
      log.missing.add("b");
      const client = await greeted(port, version);
      client.send(
        ...["a", "b", "a", "b"].map((sensor, i) => publishBytes(version, `t/d/${sensor}`, `${i}`, { id: i + 1 })),
      );
      assert.equal((await client.read(4)).length, 4);
      assert.deepEqual(valuesOf(log), [0, 2]);
      const { code, map } = door.problems()[0];
      assert.deepEqual([code, map, door.counts.refused, door.trouble], ["topic-missing", "b", 2, null]);
    });

    test("DUP and the retain flag change nothing, and quality of service 0 is not acknowledged", async () => {
      const { log, door, port } = await open();
      const client = await greeted(port, version);
      client.send(
        publishBytes(version, "t/d/a", "1", { dup: true, retain: true }),
        publishBytes(version, "t/d/a", "1", { dup: true }),
        publishBytes(version, "t/d/a", "2", { qos: 0, retain: true }),
        publishBytes(version, "t/d/a", "3", { id: 2 }),
      );
      assert.deepEqual(
        (await client.read(3)).map(({ body }) => body.readUInt16BE(0)),
        [1, 1, 2],
      );
      assert.deepEqual([valuesOf(log), door.counts.retained], [[1, 1, 2, 3], 0]);
    });

    test("what came and was not begun is left to come again when the connection is lost; not after a goodbye", async () => {
      for (const isClean of [false, true]) {
        const { log, door, port } = await open();
        const client = await greeted(port, version);
        const release = shut(log);
        client.send(publishBytes(version, "t/d/a", "1"));
        await eventually(() => assert.equal(door.counts.messages, 1));
        client.send(
          publishBytes(version, "t/d/a", "2", { id: 2 }),
          publishBytes(version, "t/d/a", "3", { qos: 0 }),
          Buffer.from([0xc0, 0]),
        );
        await client.read(1);
        if (isClean) client.send(Buffer.from([0xe0, 0]));
        else client.socket.resetAndDestroy();
        await eventually(() => assert.equal(door.connections.open, 0));
        release();
        await eventually(() => assert.ok(valuesOf(log).includes(3)));
        assert.deepEqual(valuesOf(log), isClean ? [1, 2, 3] : [1, 3]);
      }
    });

    test("nobody can subscribe", async () => {
      const { port } = await open();
      const client = await greeted(port, version);
      const unsubscribe = Buffer.from(version === 5 ? "a2060007000001 61".replace(" ", "") : "a2050007000161", "hex");
      client.send(subscribeBytes(version, ["a/#", "b"]), unsubscribe);
      const [suback, unsuback] = await client.read(2);
      assert.deepEqual([suback.type, unsuback.type], [SUBACK, UNSUBACK]);
      assert.equal(suback.body.toString("hex"), version === 5 ? "0007008383" : "00078080");
      assert.equal(unsuback.body.toString("hex"), version === 5 ? "00070011" : "0007");
    });

    test("quality of service 2", async () => {
      const { log, port } = await open();
      const client = await greeted(port, version);
      client.send(publishBytes(version, "t/d/a", "1", { qos: 2, id: 5 }));
      const [first] = await client.read(1);
      if (version === 5) {
        assert.deepEqual([first.type, first.body[0]], [DISCONNECT, 0x9b]);
        assert.deepEqual(valuesOf(log), []);
        return;
      }
      assert.deepEqual([first.type, first.body.toString("hex")], [PUBREC, "0005"]);
      client.send(Buffer.from([0x62, 2, 0, 5]));
      const [second] = await client.read(1);
      assert.deepEqual([second.type, second.body.toString("hex"), valuesOf(log)], [PUBCOMP, "0005", [1]]);
    });

    test("the same client id twice: the connection before is over", async () => {
      const { door, port } = await open();
      const [first, second] = [await greeted(port, version), await greeted(port, version)];
      await first.closed;
      if (version === 5) assert.equal((await first.read(1))[0].body[0], 0x8e);
      second.send(Buffer.from([0xc0, 0]));
      assert.equal((await second.read(1))[0].type, PINGRESP);
      assert.equal(door.connections.cut, 0);
    });

    test("a client that is silent for longer than it said is cut", async () => {
      const { clock, door, port } = await open();
      const [silent, quiet] = [
        await greeted(port, version, { keepAlive: 20 }),
        await greeted(port, version, { id: "b", keepAlive: 60 }),
      ];
      clock.advance(31_000);
      await silent.closed;
      quiet.send(Buffer.from([0xc0, 0]));
      assert.equal((await quiet.read(1))[0].type, PINGRESP);
      assert.equal(door.connections.cut, 1);
    });

    test("who is let in", async () => {
      let isValid = true;
      const { door, port } = await open((password) => {
        if (password === undefined) return { refusal: "no-token" };
        return password === "right" ? { isValid: () => isValid } : { refusal: "wrong-token" };
      });
      for (const [password, code] of [
        [undefined, version === 5 ? 0x87 : 5],
        ["wrong", version === 5 ? 0x86 : 4],
      ] as const) {
        const client = new RawClient(port);
        client.send(connectBytes(version, password === undefined ? {} : { password }));
        const [{ type, body }] = await client.read(1);
        assert.deepEqual([type, body[1]], [CONNACK, code]);
        await client.closed;
      }
      const client = await greeted(port, version, { password: "right" });
      client.send(publishBytes(version, "t/d/a", "1"));
      await client.read(1);
      isValid = false;
      client.send(publishBytes(version, "t/d/a", "2", { id: 2 }));
      await client.closed;
      assert.deepEqual([door.counts.messages, door.connections.cut], [1, 3]);
    });
  });
}

test("what is not MQTT, or not to be had, ends the connection, and says why where the protocol can", async () => {
  const { door, port } = await open();
  const own = (hex: string) => Buffer.from(hex, "hex");
  const greeting = connectBytes(5);
  for (const [what, bytes, answer] of [
    ["a request of HTTP", Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90\r\n\r\n".padEnd(200)), /^$/],
    ["a PUBLISH before CONNECT", publishBytes(5, "t/d/a", "1"), /^$/],
    ["version 3.1", own("100e00064d51497364700302001e000161".replace("100e", "100f")), /^2:0001$/],
    ["version 6", connectBytes(6), /^2:008400$/],
    ["a reserved flag", own("100d00044d5154540403001e000161"), /^$/],
    ["a CONNECT that goes on", own("100e00044d5154540402001e00016100"), /^$/],
    ["no client id and a session", connectBytes(4, { id: "", clean: false }), /^2:0002$/],
    ["a will of quality of service 2", connectBytes(5, { will: 2 }), /^2:009b00$/],
    ["authentication in steps", connectBytes(5, { properties: own("150001 78".replace(" ", "")) }), /^2:008c00$/],
    ["a CONNECT of 20 kB", Buffer.concat([own("10a09c01"), Buffer.alloc(20_000)]), /^$/],
    ["CONNECT twice", Buffer.concat([greeting, greeting]), /14:8200$/],
    [
      "a topic alias",
      Buffer.concat([greeting, publishBytes(5, "t/d/a", "1", { properties: own("230001") })]),
      /14:9400$/,
    ],
    [
      "an unknown property",
      Buffer.concat([greeting, publishBytes(5, "t/d/a", "1", { properties: own("7f01") })]),
      /14:8100$/,
    ],
    ["a wildcard", Buffer.concat([greeting, publishBytes(5, "t/#", "1")]), /14:8100$/],
    ["packet id 0", Buffer.concat([greeting, publishBytes(5, "t/d/a", "1", { id: 0 })]), /14:8100$/],
    ["a packet of 5 MB", Buffer.concat([greeting, own("3080ade204")]), /14:9500$/],
    ["AUTH", Buffer.concat([greeting, own("f000")]), /14:8200$/],
    ["a CONNACK", Buffer.concat([greeting, own("20020000")]), /14:8200$/],
    ["SUBSCRIBE without filters", Buffer.concat([greeting, own("8203000100")]), /14:8200$/],
  ] as const) {
    const cut = door.connections.cut;
    const client = new RawClient(port);
    client.send(bytes);
    await client.closed;
    const said = (await client.read(9)).map(({ type, body }) => `${type}:${body.toString("hex")}`).join(" ");
    assert.match(said, answer, what);
    assert.equal(door.connections.cut, cut + 1, what);
  }
  assert.equal(door.counts.messages, 0);
});

test("more messages of version 5 on their way than were asked for, as mosquitto's bridge sends again", async () => {
  const { log, port } = await open();
  const client = await greeted(port, 5);
  const release = shut(log);
  client.send(...Array.from({ length: 2500 }, (_, i) => publishBytes(5, "t/d/a", "1", { id: i + 1 })));
  release();
  assert.equal((await client.read(2500)).length, 2500);
});

test("a message of more than 4 MiB is told and acknowledged in 3.1.1, also where it comes in the smallest parts", async () => {
  const { door, port, unrouted } = await open();
  const client = await greeted(port, 4);
  const big = publishBytes(4, "t/d/a", Buffer.alloc(5_000_000, 65), { id: 3 });
  for (let at = 0; at < big.length; at += 40_000) client.send(big.subarray(at, at + 40_000));
  client.send(publishBytes(4, "elsewhere", "1", { id: 4 }));
  const acks = await client.read(2);
  assert.deepEqual(
    acks.map(({ body }) => body.readUInt16BE(0)),
    [3, 4],
  );
  const { refused, tooLarge, unrouted: missed } = door.counts;
  assert.deepEqual([refused, tooLarge, missed, unrouted.list()[0].topic], [1, 1, 1, "elsewhere"]);
});

test("with too much waiting nobody is read, and all of it is taken once the log goes on", async () => {
  const { log, door, port, bugs } = await open();
  const client = await greeted(port, 4);
  const release = shut(log);
  const count = 60_000;
  const messages = Array.from({ length: count }, (_, i) =>
    publishBytes(4, "t/d/a", String(i), { id: (i % 65_535) + 1 }),
  );
  client.send(...messages);
  await eventually(() => assert.ok(client.socket.writableLength > 0 || door.counts.messages > 0));
  release();
  const acks = await client.read(count);
  assert.equal(acks.length, count);
  assert.deepEqual(
    valuesOf(log),
    acks.map((_, i) => i),
  );
  assert.deepEqual(bugs, []);
});

test("a message in the smallest parts", async () => {
  const { log, port } = await open();
  const client = new RawClient(port);
  client.socket.setNoDelay(true);
  const bytes = Buffer.concat([connectBytes(5), publishBytes(5, "t/d/a", "12.5"), publishBytes(5, "t/d/a", "7")]);
  for (const byte of bytes) {
    client.send(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  assert.equal((await client.read(3)).length, 3);
  assert.deepEqual(valuesOf(log), [12.5, 7]);
});
