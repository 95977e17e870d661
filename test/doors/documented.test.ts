/** Messages as the documentation of devices and services shows them, beside the samples: what they come to through the presets. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatMs } from "../../src/core/time.ts";
import { openZone } from "../../src/core/zone.ts";
import { presetMap, readMaps } from "../../src/doors/mapping/map-spec.ts";
import { Mapper } from "../../src/doors/mapping/mapper.ts";
import { Maps } from "../../src/doors/mapping/maps.ts";
import { payloadOf, withEventHeaders } from "../../src/doors/mapping/payload.ts";
import { suggestMap } from "../../src/doors/mapping/suggest.ts";
import { FORM } from "./samples/known.ts";

const NOW = Date.UTC(2026, 0, 31, 12);
const ZONE = openZone("UTC");

interface Sent {
  readonly topic?: string;
  readonly body: unknown;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `sensor device value time`, the last two characters of which are a dash where it is when the message came; faults by their codes. */
function linesOf(like: string, { topic, body, type, headers = {} }: Sent): string[] {
  const map = new Mapper(presetMap(like), ZONE);
  const captures = topic === undefined ? {} : (map.match(topic) ?? assert.fail(`${like} is not for ${topic}`));
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const { readings, faults } = map.read(withEventHeaders(payloadOf(bytes, type), headers), captures, NOW);
  const lines = readings.map(
    ({ sensor, device, value, time }) =>
      `${sensor} ${device} ${value} ${time === undefined ? "-" : formatMs(time).replace(".000Z", "Z")}`,
  );
  return [...lines, ...faults.map(({ code }) => `!${code}`)];
}

describe("Tasmota", () => {
  const topic = "tele/n/SENSOR";
  const Time = "2021-01-02T09:09:44";
  const at = "2021-01-02T09:09:44Z";

  test("a bridge of Zigbee: devices within devices, without a time", () => {
    const kitchen = { Device: "0x8F20", Voltage: 2.995, Battery: 98, Temperature: 21.01, Humidity: 53.68 };
    const body = { ZbReceived: { Kitchen: { ...kitchen, Pressure: 1004.04, PressureUnit: "hPa", LinkQuality: 88 } } };
    assert.deepEqual(linesOf("tasmota", { topic, body }), [
      "temperature n/Kitchen 21.01 -",
      "humidity n/Kitchen 53.68 -",
      "pressure n/Kitchen 1004.04 -",
      "battery n/Kitchen 98 -",
    ]);
  });

  test("meters of voltage, analog inputs, thermocouples, dust", () => {
    const cases: [body: object, lines: string[]][] = [
      [
        { INA219: { Voltage: 4.494, Current: 0.02, Power: 0.089 } },
        [`power n/INA219 0.089 ${at}`, `voltage n/INA219 4.494 ${at}`, `current n/INA219 0.02 ${at}`],
      ],
      [{ ADS1115: { A0: 3240, A3: 123 } }, [`analog n/ADS1115/A0 3240 ${at}`, `analog n/ADS1115/A3 123 ${at}`]],
      [
        { MAX31855: { ProbeTemperature: 77, ReferenceTemperature: 80 }, TempUnit: "F" },
        [`temperature n/MAX31855 25 ${at}`],
      ],
      [{ MLX90614: { OBJTMP: 23.8, AMBTMP: 22.7 } }, [`temperature n/MLX90614 23.8 ${at}`]],
      [{ PMS5003: { PM1: 4, "PM2.5": 5 } }, [`pm1 n/PMS5003 4 ${at}`, `pm25 n/PMS5003 5 ${at}`]],
    ];
    for (const [body, lines] of cases) assert.deepEqual(linesOf("tasmota", { topic, body: { Time, ...body } }), lines);
  });
});

test("Zigbee2MQTT: several outlets or phases of one device", () => {
  const of = (body: object) => linesOf("zigbee2mqtt", { topic: "zigbee2mqtt/k", body });
  assert.deepEqual(of({ state_l1: "ON", power_l1: 3, power_l2: 4, energy_l1: 1, temperature_calibration: 2 }), [
    "power k/l1 3 -",
    "power k/l2 4 -",
    "energy k/l1 1 -",
  ]);
  assert.deepEqual(of({ power: 12, power_phase_b: 3, current_phase_c: 1 }), [
    "power k 12 -",
    "power k/phase_b 3 -",
    "current k/phase_c 1 -",
  ]);
});

test("Shelly: covers, lights, addons, the temperature of a relay", () => {
  const of = (params: object) =>
    linesOf("shelly", {
      topic: "s/events/rpc",
      body: { method: "NotifyStatus", params: { ts: 1680962879.62, ...params } },
    });
  const at = "2023-04-08T14:07:59.620Z";
  assert.deepEqual(of({ "cover:0": { apower: 120, voltage: 230, current: 0.5, aenergy: { total: 12 } } }), [
    `power s 120 ${at}`,
    `energy s 0.012 ${at}`,
    `voltage s 230 ${at}`,
    `current s 0.5 ${at}`,
  ]);
  assert.deepEqual(
    of({ "light:1": { apower: 12, brightness: 50 }, "switch:0": { temperature: { tC: 53.3, tF: 127.9 } } }),
    [`power s/1 12 ${at}`, `device_temperature s 53.3 ${at}`],
  );
  // Meters that cannot switch keep the names that they had.
  assert.deepEqual(of({ "em1:0": { act_power: 250, voltage: 230 }, "voltmeter:100": { voltage: 4 } }), [
    `power s/0 250 ${at}`,
    `voltage s/0 230 ${at}`,
    `voltage s/voltmeter:100 4 ${at}`,
  ]);
});

test("rtl_433: customary units, tyres, lightning", () => {
  const of = (fields: object) =>
    linesOf("rtl_433", {
      topic: "rtl_433/h/events",
      body: { time: "2020-08-27 07:46:16", model: "M", id: 7, ...fields },
    });
  const at = "2020-08-27T07:46:16Z";
  assert.deepEqual(of({ wind_max_mi_h: 20, temperature_1_F: 68, setpoint_F: 68 }), [
    `wind_gust M/7 8.9408 ${at}`,
    `temperature M/7/1 20 ${at}`,
    `setpoint M/7 20 ${at}`,
  ]);
  assert.deepEqual(of({ pressure_psi: 32 }), [`pressure M/7 2206.32233381 ${at}`]);
  assert.deepEqual(of({ pressure_bar: 2.2 }), [`pressure M/7 2200 ${at}`]);
  assert.deepEqual(of({ light_klx: 0.1, uvi: 3, storm_dist_km: 10, strike_count: 2, battery_mV: 1400 }), [
    `illuminance M/7 100 ${at}`,
    `uv_index M/7 3 ${at}`,
    `lightning_distance M/7 10 ${at}`,
    `lightning_count M/7 2 ${at}`,
    `battery_voltage M/7 1.4 ${at}`,
  ]);
});

describe("LoRaWAN", () => {
  const v3 = {
    ...{ applicationID: "123", deviceName: "garden", devEUI: "0202020202020202", fCnt: 10, fPort: 5, data: "qg==" },
    rxInfo: [{ gatewayID: "0303030303030303", time: "2016-11-25T16:24:37.295915988Z", rssi: -57 }],
    object: { temperatureSensor: { 1: 25 } },
  };

  test("ChirpStack 3 says the time of its gateway, or when it published", () => {
    const topic = "application/123/device/0202020202020202/event/up";
    const eui = v3.devEUI;
    assert.deepEqual(linesOf("chirpstack-v3", { topic, body: v3 }), [
      `temperatureSensor_1 ${eui} 25 2016-11-25T16:24:37.295Z`,
    ]);
    const published = { ...v3, rxInfo: [{ rssi: -57 }], publishedAt: "2021-02-02T01:02:03.5Z" };
    assert.deepEqual(linesOf("chirpstack-v3", { body: published }), [
      `temperatureSensor_1 ${eui} 25 2021-02-02T01:02:03.500Z`,
    ]);
    // The uplink of one version is refused by the map of the other, and not taken for something else.
    const v4 = {
      deduplicationId: "3ac7e3c4",
      time: "2022-07-18T09:34:15Z",
      deviceInfo: { devEui: "01" },
      object: { t: 1 },
    };
    assert.deepEqual(linesOf("chirpstack-v3", { topic, body: v4 }), ["!capture-missing"]);
    assert.deepEqual(linesOf("chirpstack", { topic, body: v3 }), ["!capture-missing"]);
    assert.deepEqual(suggestMap(topic, payloadOf(Buffer.from(JSON.stringify(v3)), undefined), NOW), {
      like: "chirpstack-v3",
    });
  });

  test("The Things Stack: a simulated uplink has no session, and each is one of its own", () => {
    const mapper = new Mapper(presetMap("things-stack"), ZONE);
    const read = (received: string) => {
      const uplink = { f_port: 1, frm_payload: "AQ==", decoded_payload: { temperature: 1 } };
      const body = {
        end_device_ids: { device_id: "d1" },
        received_at: received,
        simulated: true,
        uplink_message: uplink,
      };
      return mapper.read(payloadOf(Buffer.from(JSON.stringify(body)), undefined), {}, NOW).readings;
    };
    const [first] = read("2022-01-01T00:00:01.000000001Z");
    assert.deepEqual([first.device, first.time, first.sequence], ["d1", Date.UTC(2022, 0, 1, 0, 0, 1), 0]);
    assert.deepEqual(read("2022-01-01T00:00:01.000000001Z"), [first]);
    assert.notEqual(read("2022-01-01T00:00:01.000000002Z")[0].boot, first.boot);
  });
});

describe("weather stations", () => {
  test("what they send of a sensor that they do not hear is no value", () => {
    const common = { type: FORM };
    const lost = "ID=S1&PASSWORD=x&tempf=-9999&humidity=-9999&indoortempf=66.2&dateutc=2016-5-10%202:34:15&UV=-9999";
    assert.deepEqual(linesOf("wunderground", { body: lost, ...common }), [
      "temperature_indoor S1 19 2016-05-10T02:34:15Z",
    ]);
    const dashes = "PASSKEY=A&dateutc=2024-01-07+01:43:50&tempf=-9999&humidity=--&tempinf=68.0";
    assert.deepEqual(linesOf("ecowitt", { body: dashes, ...common }), ["temperature_indoor A 20 2024-01-07T01:43:50Z"]);
  });

  test("air, leaves, lightning and rain without a bucket", () => {
    const body =
      "PASSKEY=A&dateutc=2024-01-07+01:43:50&tf_co2=68&pm25_co2=5&co2=500&leafwetness_ch1=12&lightning_num=3&rrain_piezo=0.1";
    const at = "2024-01-07T01:43:50Z";
    assert.deepEqual(linesOf("ecowitt", { body, type: FORM }), [
      `rain_rate A/piezo 2.54 ${at}`,
      `co2 A 500 ${at}`,
      `pm25 A/co2 5 ${at}`,
      `temperature A/co2 20 ${at}`,
      `leaf_wetness A/1 12 ${at}`,
      `lightning_count A 3 ${at}`,
    ]);
  });

  test("sensor.community's firmware before it named its board", () => {
    const body = { software_version: "NRZ-2018-121C", sensordatavalues: [{ value_type: "SDS_P1", value: "27.03" }] };
    assert.deepEqual(linesOf("sensor-community", { body }), ["SDS_P1  27.03 -"]);
  });
});

test("CloudEvents whose data is a number, structured and in binary mode", () => {
  const event = { specversion: "1.0", type: "t", source: "/s", id: "1", time: "2026-01-31T12:00:00Z" };
  const line = "t /s 21.5 2026-01-31T12:00:00Z";
  assert.deepEqual(linesOf("cloudevents", { body: { ...event, data: 21.5 } }), [line]);
  const headers = Object.fromEntries(Object.entries(event).map(([name, value]) => [`ce-${name}`, value]));
  for (const body of ["21.5", '{"value":21.5}']) assert.deepEqual(linesOf("cloudevents", { body, headers }), [line]);
});

test("SenML: what has only a base name is called by its unit (RFC 8428, 5.1.3)", () => {
  const name = "urn:dev:ow:10e2073a01080063";
  const body = [
    { bn: name, bt: 1.320067464e9, bu: "%RH", v: 20 },
    { u: "lon", v: 24.30621 },
    { u: "lat", v: 60.07965 },
    { t: 60, v: 20.3 },
    { u: "kg", t: 60, v: 7 },
  ];
  assert.deepEqual(linesOf("senml", { body }), [
    `humidity ${name} 20 2011-10-31T13:24:24Z`,
    `longitude ${name} 24.30621 2011-10-31T13:24:24Z`,
    `latitude ${name} 60.07965 2011-10-31T13:24:24Z`,
    `humidity ${name} 20.3 2011-10-31T13:25:24Z`,
    `kg ${name} 7 2011-10-31T13:25:24Z`,
  ]);
});

test("a number in quotes is the message of a topic as one without them", () => {
  assert.deepEqual(linesOf("esphome", { topic: "n/sensor/t/state", body: '"21.5"' }), ["t n 21.5 -"]);
});

describe("what is suggested", () => {
  const suggested = (topic: string, body: unknown) =>
    suggestMap(topic, payloadOf(Buffer.from(JSON.stringify(body)), undefined), NOW);

  test("a preset with further levels in its topic, under a name of its own", () => {
    const switched = { params: { ts: 1680962879.62, "switch:0": { apower: 1 } } };
    const cases: [topic: string, body: unknown, map: object][] = [
      ["home/s/events/rpc", switched, { like: "shelly", name: "shelly home", topic: "home/{node}/events/rpc" }],
      [
        "tele/zb/8F20/SENSOR",
        { ZbReceived: { K: { Temperature: 2 } } },
        { like: "tasmota", name: "tasmota zb", topic: "tele/zb/{node}/SENSOR" },
      ],
      [
        "site/zigbee2mqtt/a/b",
        { temperature: 3 },
        { like: "zigbee2mqtt", name: "zigbee2mqtt site", topic: "site/zigbee2mqtt/{device...}" },
      ],
    ];
    for (const [topic, body, map] of cases) {
      assert.deepEqual(suggested(topic, body), map);
      const maps = new Maps(
        readMaps([{ like: "tasmota" }, { like: "shelly" }, { like: "zigbee2mqtt" }, map], "t"),
        ZONE,
      );
      const payload = payloadOf(Buffer.from(JSON.stringify(body)), undefined);
      assert.equal(maps.route({ topic, payload, isRetained: false, arrivalMs: NOW }).kind, "read", topic);
    }
  });

  test("a number in a topic is one of several of a device", () => {
    const readings = [{ at: "", sensor: "{sensor}" }];
    const device = "{device}/{channel}";
    assert.deepEqual(suggested("shellies/shelly1pm-1/relay/0/power", 3), {
      ...{ name: "shellies relay", topic: "shellies/{device}/relay/{channel}/{sensor}", device, readings },
    });
    assert.deepEqual(suggested("sensors/3/temperature", 3), {
      ...{ name: "sensors", topic: "sensors/{device}/{sensor}", readings },
    });
    assert.deepEqual(suggested("a/b", 3), { name: "a", topic: "{device}/{sensor}", readings });
  });

  test("a list within a message: what Telegraf sends by MQTT or HTTP", () => {
    const metric = { name: "cpu", tags: { host: "a" }, fields: { usage_idle: 91.5 }, timestamp: 1700000000 };
    const readings = [{ at: "fields/usage_idle", sensor: "usage_idle" }];
    const time = { at: "timestamp", as: "auto", else: "arrival" };
    const map = suggested("telegraf/a/cpu", { metrics: [metric, { ...metric, tags: { host: "b" } }] });
    assert.deepEqual(map, {
      ...{ name: "telegraf a", topic: "telegraf/a/{device}", list: "metrics", with: { part: "tags/host" } },
      ...{ device: "{device}/{part}", readings, time, id: "time" },
    });
    const [spec] = readMaps([map], "t");
    const mapper = new Mapper(spec, ZONE);
    const body = { metrics: [metric, { ...metric, tags: { host: "b" } }] };
    const read = mapper.read(
      payloadOf(Buffer.from(JSON.stringify(body)), undefined),
      mapper.match("telegraf/a/cpu") ?? assert.fail(),
      NOW,
    );
    assert.deepEqual(
      read.readings.map(({ device, value }) => `${device} ${value}`),
      ["cpu/a 91.5", "cpu/b 91.5"],
    );
    assert.deepEqual(read.faults, []);
    const beside = suggested("hub", { ts: 1700000000, sensors: [{ serial: "x", celsius: 20 }] });
    assert.deepEqual(beside, {
      ...{ name: "hub", topic: "hub", list: "sensors", with: { device: "serial" } },
      ...{ readings: [{ at: "celsius", sensor: "celsius" }], time: { ...time, at: "/ts" }, id: "time" },
    });
  });
});
