/** What the messages of known devices come to, through the presets and through a configuration; and what must not become of them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { formatMs } from "../../src/core/time.ts";
import { openZone } from "../../src/core/zone.ts";
import { presetMap, readMaps } from "../../src/doors/mapping/map-spec.ts";
import { Mapper, type MapRead } from "../../src/doors/mapping/mapper.ts";
import { Maps } from "../../src/doors/mapping/maps.ts";
import { payloadOf } from "../../src/doors/mapping/payload.ts";
import { PRESETS } from "../../src/doors/mapping/presets.ts";
import { suggestMap } from "../../src/doors/mapping/suggest.ts";
import { FORM, KNOWN, type Line } from "./samples/known.ts";

const NOW = Date.UTC(2026, 0, 31, 12);
const ZONE = openZone("UTC");

const sample = (file: string) => readFileSync(join(import.meta.dirname, "samples", file));

function linesOf({ readings }: MapRead): Line[] {
  return readings.map(({ sensor, device, value, time, id, boot, sequence }) => [
    sensor,
    device,
    value,
    time === undefined ? "" : formatMs(time),
    id ??
      (sequence === undefined
        ? ""
        : boot === undefined
          ? sequence === 0
            ? "time"
            : `${sequence}`
          : `${boot} ${sequence}`),
  ]);
}

/** A message through a preset, or through a map made of it. @param topic null: it comes by HTTP */
function read(like: string, topic: string | null, body: string | Buffer, more: object = {}, type?: string): MapRead {
  const [spec] = readMaps([{ like, ...more }], "test");
  const mapper = new Mapper(spec, ZONE);
  const captures = topic === null ? {} : (mapper.match(topic) ?? assert.fail(`${like} is not for ${topic}`));
  return mapper.read(payloadOf(Buffer.from(body), type), captures, NOW);
}

describe("presets", () => {
  for (const { file, like, topic, type, lines } of KNOWN) {
    test(file, () => {
      const found = read(like, topic, sample(file), {}, type);
      assert.deepEqual(linesOf(found), lines);
      assert.deepEqual(found.faults, []);
      const again = read(like, topic, sample(file), {}, type);
      assert.deepEqual(again.readings, found.readings, "a message sent again has the same identities");
    });
    test(`${file} unrouted: the preset is offered`, () => {
      assert.deepEqual(suggestMap(topic, payloadOf(sample(file), type), NOW), { like });
    });
  }

  test("each is tested here, and is a map that a configuration could hold", () => {
    const tested = new Set([...KNOWN.map(({ like }) => like), "sparkplug-json", "chirpstack-v3"]);
    assert.deepEqual(
      Object.keys(PRESETS).filter((name) => !tested.has(name)),
      [],
    );
    for (const [name, preset] of Object.entries(PRESETS)) {
      const [spec] = readMaps([{ name, ...preset }], "test");
      assert.deepEqual(Object.keys(spec), Object.keys(presetMap(name)));
    }
  });
});

test("nine of them through a configuration", () => {
  const { map } = JSON.parse(sample("mapping.json").toString());
  const maps = new Maps(readMaps(map, "mapping.json"), ZONE);
  const cases: [file: string, topic: string, via: string, lines: Line[]][] = [
    [
      "rtl433-event.json",
      "rtl_433/host1/events",
      "rtl_433",
      [["pm25", "Fineoffset-WH0290/100", 6, "2023-11-12T12:25:10.000Z", "time"]],
    ],
    [
      "kepserver-iotgw.json",
      "iotgateway",
      "kepserver",
      [["plc", "Line1.PLC.Temp", 63, "2021-06-15T19:37:55.134Z", "time"]],
    ],
    [
      "heishamon.txt",
      "panasonic_heat_pump/main/Outside_Temp",
      "plain numbers",
      [["Outside_Temp", "heat-pump", 7, "", ""]],
    ],
    ...KNOWN.filter(({ file }) => /^(tasmota-(ds|ble)|zigbee|shelly-plus|chirp|tts)/.test(file)).map(
      ({ file, topic, like, lines }): [string, string, string, Line[]] => [
        file,
        topic ?? "",
        like === "things-stack" ? "things stack" : like,
        lines.filter(([sensor]) => !["battery", "dew_point"].includes(sensor)),
      ],
    ),
  ];
  assert.equal(cases.length, 9);
  for (const [file, topic, via, lines] of cases) {
    const routed = maps.route({
      topic,
      payload: payloadOf(sample(file), undefined),
      isRetained: false,
      arrivalMs: NOW,
    });
    assert.ok(routed.kind === "read", file);
    assert.equal(routed.map.spec.name, via);
    assert.deepEqual(linesOf(routed.read), lines);
  }
});

describe("traps", () => {
  test("zigbee2mqtt's other messages are passed over", () => {
    const maps = new Maps([presetMap("zigbee2mqtt")], ZONE);
    const [log, availability, plug] = sample("zigbee2mqtt-noise.txt").toString().trim().split("\n");
    const topics = {
      "bridge/logging": log,
      "kitchen/availability": availability,
      plug,
      "kitchen/set": '{"temperature":1}',
    };
    for (const [topic, body] of Object.entries(topics)) {
      const message = { topic: `zigbee2mqtt/${topic}`, payload: payloadOf(Buffer.from(body), undefined) };
      assert.equal(maps.route({ ...message, isRetained: false, arrivalMs: NOW }).kind, "passed", topic);
    }
  });

  test("last_seen as milliseconds, ISO 8601 or not there", () => {
    const of = (lastSeen: unknown) =>
      linesOf(read("zigbee2mqtt", "zigbee2mqtt/a", JSON.stringify({ temperature: 1, last_seen: lastSeen })))[0].slice(
        3,
      );
    assert.deepEqual(of("2021-11-22T23:20:12+01:00"), ["2021-11-22T22:20:12.000Z", "time"]);
    assert.deepEqual(of(undefined), ["", ""]);
    assert.deepEqual(of(null), ["", ""]);
  });

  test("what a broker kept is passed over, unless the map takes it", () => {
    const message = {
      topic: "tele/shed/SENSOR",
      payload: payloadOf(sample("tasmota-deepsleep.json"), undefined),
      isRetained: true,
      arrivalMs: NOW,
    };
    assert.deepEqual(new Maps([presetMap("tasmota")], ZONE).route(message), {
      kind: "passed",
      isRetained: true,
      map: null,
    });
    const taking = readMaps([{ like: "tasmota", retained: "take" }], "test");
    assert.equal(new Maps(taking, ZONE).route(message).kind, "read");
  });

  test("a device without a clock: its messages have the time at which they come", () => {
    for (const ts of [null, 0, 12.5, undefined]) {
      const body = JSON.stringify({ params: { ts, "temperature:0": { tC: 19.8 } } });
      assert.deepEqual(linesOf(read("shelly", "node/events/rpc", body)), [["temperature", "node", 19.8, "", ""]]);
    }
    const form = sample("ecowitt.txt").toString().replace("2024-01-07+01:43:50", "now");
    assert.deepEqual(linesOf(read("ecowitt", null, form, {}, FORM))[0].slice(3), ["", ""]);
    const tasmota = '{"Time":"1970-01-01T00:00:07","ANALOG":{"A0":8}}';
    assert.deepEqual(linesOf(read("tasmota", "tele/a/SENSOR", tasmota)), [["analog", "a/A0", 8, "", ""]]);
  });

  test("Tasmota in Fahrenheit, and in a zone of its own", () => {
    const body = '{"Time":"2021-01-02T09:09:44","AM2301":{"Temperature":55.94,"Humidity":40},"TempUnit":"F"}';
    const time = { at: "Time", as: "iso", zone: "Europe/Berlin" };
    assert.deepEqual(linesOf(read("tasmota", "tele/a/SENSOR", body, { time })), [
      ["temperature", "a/AM2301", 13.3, "2021-01-02T08:09:44.000Z", "time"],
      ["humidity", "a/AM2301", 40, "2021-01-02T08:09:44.000Z", "time"],
    ]);
  });

  test("a sensor by its serial number, beside the name that may change", () => {
    const more = { with: { serial: "{probe}/Id" }, device: "{serial}" };
    assert.deepEqual(
      linesOf(read("tasmota", "tele/cellar/SENSOR", sample("tasmota-ds18x20.json"), more)).map(([, device]) => device),
      ["00000566AA01", "00000593AA02"],
    );
  });

  test("words for no value are passed over", () => {
    for (const word of ["nan", "NaN", "unknown", "unavailable", "", "on", "None"]) {
      const found = read("esphome", "node/sensor/temperature/state", word);
      assert.deepEqual([found.readings, found.faults], [[], []], word);
    }
  });

  test("The Things Stack leaves out the first counter; ChirpStack's is not used", () => {
    const up = JSON.parse(sample("tts-up.json").toString());
    up.uplink_message.f_cnt = undefined;
    assert.equal(linesOf(read("things-stack", "v3/a/devices/d/up", JSON.stringify(up)))[0][4], "AXBSH1Pk6Z0G166= 0");
  });

  test("Kepware says when its value was bad", () => {
    const bad = JSON.parse(sample("kepserver-iotgw.json").toString());
    bad.values[0].q = false;
    assert.deepEqual(read("kepserver", "iotgateway", JSON.stringify(bad)).readings, []);
  });

  test("Sparkplug: a number stands for the name that a birth told", () => {
    const mapper = new Mapper(presetMap("sparkplug-json"), ZONE);
    const take = (topic: string, body: string | Buffer) => {
      return mapper.read(payloadOf(Buffer.from(body), undefined), mapper.match(topic) ?? assert.fail(topic), NOW);
    };
    const data = sample("sparkplug-ddata.json");
    const early = take("spBv1.0/G1/DDATA/E1/D1", data);
    assert.deepEqual([early.readings.length, early.faults[0].code], [0, "capture-missing"]);
    const birth = '{"timestamp":1,"metrics":[{"name":"Motor/Temp","alias":3,"timestamp":1638223070000,"value":20}]}';
    assert.equal(linesOf(take("spBv1.0/G1/DBIRTH/E1/D1", birth))[0][0], "Motor_Temp");
    assert.deepEqual(linesOf(take("spBv1.0/G1/DDATA/E1/D1", data)), [
      ["Motor_Temp", "G1/E1/D1", 21.5, "2021-11-29T21:57:53.187Z", "time"],
    ]);
    assert.equal(take("spBv1.0/G1/DDATA/E1/D2", data).readings.length, 0, "another device");
  });

  test("two values under one identity are told, not lost", () => {
    const body = '{"Time":"2024-11-09T12:52:46","LD2410":{"Distance":[200,181,144]}}';
    const more = { readings: [{ at: "{probe}/Distance/{n}", sensor: "distance" }] };
    const found = read("tasmota", "tele/hall/SENSOR", body, more);
    assert.deepEqual(
      [found.readings.length, found.faults.map(({ code }) => code)],
      [1, ["same-identity", "same-identity"]],
    );
    const apart = { readings: [{ at: "{probe}/Distance/{n}", sensor: "distance", device: "{node}/{n}" }] };
    assert.equal(read("tasmota", "tele/hall/SENSOR", body, apart).readings.length, 3);
  });

  test("bytes that are no text, and JSON that is none", () => {
    const codes = (body: Buffer) => read("tasmota", "tele/a/SENSOR", body).faults.map(({ code }) => code);
    assert.deepEqual(codes(Buffer.from([0x08, 0xff, 0xfe])), ["unreadable"]);
    assert.deepEqual(codes(Buffer.from('{"Time":')), ["unreadable"]);
    assert.deepEqual(codes(Buffer.from("online")), []);
  });
});

describe("SenML", () => {
  const pack = (records: object[]) => linesOf(read("senml", null, JSON.stringify(records)));

  test("base values, sums, units", () => {
    assert.deepEqual(
      pack([
        { bn: "urn:dev:mac:1:", bt: 1.276e9, bv: 20, bs: 100, n: "t", v: 1, s: 2 },
        { n: "t", t: 1, v: 2 },
        { n: "label", vs: "x" },
        { n: "open", vb: true },
        { n: "e", t: 2, s: 5 },
      ]),
      [
        ["t", "urn:dev:mac:1", 21, "2010-06-08T12:26:40.000Z", "time"],
        ["t_sum", "urn:dev:mac:1", 102, "2010-06-08T12:26:40.000Z", "time"],
        ["t", "urn:dev:mac:1", 22, "2010-06-08T12:26:41.000Z", "time"],
        ["t_sum", "urn:dev:mac:1", 100, "2010-06-08T12:26:41.000Z", "time"],
        ["e_sum", "urn:dev:mac:1", 105, "2010-06-08T12:26:42.000Z", "time"],
      ],
    );
    assert.deepEqual(pack([{ n: "urn:dev:ow:10e2073a01080063", u: "Cel", v: 23.1 }]), [
      ["temperature", "urn:dev:ow:10e2073a01080063", 23.1, "", ""],
    ]);
  });

  test("times before 2^28 are relative, and no identity", () => {
    assert.deepEqual(
      pack([
        { bn: "a:", n: "x", t: -60, v: 1 },
        { n: "x", v: 2 },
      ]),
      [
        ["x", "a", 1, "2026-01-31T11:59:00.000Z", ""],
        ["x", "a", 2, "", ""],
      ],
    );
  });

  test("what must be understood is refused", () => {
    const refused = [
      [{ n: "a", v: 1, bver: 11 }],
      [{ n: "a", v: 1, x_: 1 }],
      [{ n: "-a", v: 1 }],
      [{ v: "1" }],
      {},
      [7],
    ];
    for (const records of refused) {
      const found = read("senml", null, JSON.stringify(records));
      assert.deepEqual([found.readings.length, found.faults[0]?.code], [0, "unreadable"], JSON.stringify(records));
    }
  });
});

test("what is suggested for messages of no preset", () => {
  const suggested = (topic: string, body: string) => suggestMap(topic, payloadOf(Buffer.from(body), undefined), NOW);
  assert.deepEqual(suggested("plant/hall-7/temp", "21.5"), {
    name: "plant",
    topic: "plant/{device}/{sensor}",
    readings: [{ at: "", sensor: "{sensor}" }],
  });
  const made = suggested("plant/hall-7/state", '{"ts":1700000000,"t1":{"deg C":20.5},"rssi":-7,"name":"x","n":"12.5"}');
  assert.deepEqual(made, {
    name: "plant",
    topic: "plant/{device}/state",
    readings: [
      { at: "t1/deg C", sensor: "deg_C" },
      { at: "n", sensor: "n", as: "text" },
    ],
    time: { at: "ts", as: "auto", else: "arrival" },
    id: "time",
  });
  const maps = new Maps(readMaps([made], "test"), ZONE);
  const payload = payloadOf(Buffer.from('{"ts":1700000060,"t1":{"deg C":21}}'), undefined);
  const routed = maps.route({ topic: "plant/hall-8/state", payload, isRetained: false, arrivalMs: NOW });
  assert.ok(routed.kind === "read");
  assert.deepEqual(linesOf(routed.read), [["deg_C", "hall-8", 21, "2023-11-14T22:14:20.000Z", "time"]]);
  assert.equal(suggested("plant/x", "hello"), null);
  assert.equal(suggested("plant/x", "[]"), null);
  // By HTTP a name that a preset knows, without a time or a device, does not make it that preset's message.
  assert.deepEqual(suggestMap(null, payloadOf(Buffer.from('{"temperature":1}'), undefined), NOW), {
    readings: [{ at: "temperature", sensor: "temperature" }],
  });
});
