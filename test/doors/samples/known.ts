/** What the messages of known devices come to, through the preset of each. */

export const FORM = "application/x-www-form-urlencoded";

/** sensor, device, value, time ("": when it comes), what a copy is told by. */
export type Line = readonly [sensor: string, device: string, value: number, time: string, identity: string];

interface Known {
  readonly file: string;
  readonly like: string;
  readonly topic: string | null;
  readonly type?: string;
  readonly lines: readonly Line[];
}

export const KNOWN: readonly Known[] = [
  {
    file: "tasmota-ds18x20.json",
    like: "tasmota",
    topic: "tele/cellar/SENSOR",
    lines: [
      ["temperature", "cellar/DS18B20-1", 13.3, "2021-01-02T09:09:44.000Z", "time"],
      ["temperature", "cellar/DS18B20-2", 1.2, "2021-01-02T09:09:44.000Z", "time"],
    ],
  },
  {
    file: "tasmota-ble.json",
    like: "tasmota",
    topic: "tele/blegw/SENSOR",
    lines: [
      ["temperature", "blegw/LYWSD03-aa0001", 21.1, "2020-03-24T12:47:51.000Z", "time"],
      ["temperature", "blegw/LYWSD02-aa0002", 21.4, "2020-03-24T12:47:51.000Z", "time"],
      ["humidity", "blegw/LYWSD03-aa0001", 58, "2020-03-24T12:47:51.000Z", "time"],
      ["humidity", "blegw/LYWSD02-aa0002", 57, "2020-03-24T12:47:51.000Z", "time"],
      ["dew_point", "blegw/LYWSD03-aa0001", 12.5, "2020-03-24T12:47:51.000Z", "time"],
      ["dew_point", "blegw/LYWSD02-aa0002", 12.5, "2020-03-24T12:47:51.000Z", "time"],
      ["battery", "blegw/LYWSD03-aa0001", 100, "2020-03-24T12:47:51.000Z", "time"],
      ["battery", "blegw/LYWSD02-aa0002", 2, "2020-03-24T12:47:51.000Z", "time"],
    ],
  },
  {
    file: "tasmota-deepsleep.json",
    like: "tasmota",
    topic: "tele/shed/SENSOR",
    lines: [["analog", "shed/A0", 8, "2021-06-27T13:03:44.000Z", "time"]],
  },
  {
    file: "tasmota-phases.json",
    like: "tasmota",
    topic: "tele/meter/SENSOR",
    lines: [
      ["counter", "meter/C1", 12, "2023-05-01T10:11:12.000Z", "time"],
      ["power", "meter/0", 10, "2023-05-01T10:11:12.000Z", "time"],
      ["power", "meter/1", 20, "2023-05-01T10:11:12.000Z", "time"],
      ["energy", "meter/0", 1.1, "2023-05-01T10:11:12.000Z", "time"],
      ["energy", "meter/1", 2.2, "2023-05-01T10:11:12.000Z", "time"],
      ["current", "meter/0", 0.1, "2023-05-01T10:11:12.000Z", "time"],
      ["voltage", "meter", 230, "2023-05-01T10:11:12.000Z", "time"],
    ],
  },
  {
    file: "shelly-three-phases.json",
    like: "shelly",
    topic: "shellypro3em-aabbcc/events/rpc",
    lines: [
      ["current", "shellypro3em-aabbcc", 1.4, "2023-10-31T15:17:12.120Z", "time"],
      ["voltage", "shellypro3em-aabbcc/a", 230.1, "2023-10-31T15:17:12.120Z", "time"],
      ["current", "shellypro3em-aabbcc/a", 1.1, "2023-10-31T15:17:12.120Z", "time"],
      ["power", "shellypro3em-aabbcc", 220.6, "2023-10-31T15:17:12.120Z", "time"],
      ["power", "shellypro3em-aabbcc/a", 200.5, "2023-10-31T15:17:12.120Z", "time"],
      ["power", "shellypro3em-aabbcc/b", 20.1, "2023-10-31T15:17:12.120Z", "time"],
      ["energy", "shellypro3em-aabbcc", 2, "2023-10-31T15:17:12.120Z", "time"],
      ["energy", "shellypro3em-aabbcc/a", 1.5, "2023-10-31T15:17:12.120Z", "time"],
    ],
  },
  {
    file: "tasmota-radar.json",
    like: "tasmota",
    topic: "tele/hall/SENSOR",
    lines: [["distance", "hall/LD2410", 200, "2024-11-09T12:52:46.000Z", "time"]],
  },
  {
    file: "zigbee2mqtt-climate.json",
    like: "zigbee2mqtt",
    topic: "zigbee2mqtt/kitchen/thermometer",
    lines: [
      ["temperature", "kitchen/thermometer", 27.34, "2021-11-22T22:20:12.680Z", "time"],
      ["humidity", "kitchen/thermometer", 44.72, "2021-11-22T22:20:12.680Z", "time"],
      ["battery", "kitchen/thermometer", 92, "2021-11-22T22:20:12.680Z", "time"],
    ],
  },
  {
    file: "esphome-state.txt",
    like: "esphome",
    topic: "weather-node/sensor/outdoor_temperature/state",
    lines: [["outdoor_temperature", "weather-node", 21.5, "", ""]],
  },
  {
    file: "shelly-plus-ht.json",
    like: "shelly",
    topic: "shellyplusht-aabbccddeeff/events/rpc",
    lines: [
      ["temperature", "shellyplusht-aabbccddeeff", 19.8, "2023-04-08T14:07:59.620Z", "time"],
      ["humidity", "shellyplusht-aabbccddeeff", 42.2, "2023-04-08T14:07:59.620Z", "time"],
      ["battery", "shellyplusht-aabbccddeeff", 0, "2023-04-08T14:07:59.620Z", "time"],
    ],
  },
  {
    file: "shelly-partial.json",
    like: "shelly",
    topic: "shellyplus1-aabbccddeeff/events/rpc",
    lines: [["power", "shellyplus1-aabbccddeeff", 12.4, "2023-04-08T14:08:21.110Z", "time"]],
  },
  {
    file: "rtl433-event.json",
    like: "rtl_433",
    topic: "rtl_433/host1/events",
    lines: [
      ["pm25", "Fineoffset-WH0290/100", 6, "2023-11-12T12:25:10.000Z", "time"],
      ["pm10", "Fineoffset-WH0290/100", 6, "2023-11-12T12:25:10.000Z", "time"],
      ["battery_ok", "Fineoffset-WH0290/100", 0.8, "2023-11-12T12:25:10.000Z", "time"],
    ],
  },
  {
    file: "omg-ble.json",
    like: "openmqttgateway",
    topic: "home/OpenMQTTGateway/BTtoMQTT/AABBCC000012",
    lines: [
      ["temperature", "AABBCC000012", 16.1, "", ""],
      ["humidity", "AABBCC000012", 67.8, "", ""],
    ],
  },
  {
    file: "chirpstack-v4-up.json",
    like: "chirpstack",
    topic: "application/00000000-0000-0000-0000-000000000001/device/0101010101010101/event/up",
    lines: [
      ["temperature", "0101010101010101", 21.5, "2022-07-18T09:34:15.775Z", "3ac7e3c4-4401-4b8d-9386-a5c902f9202d"],
      ["humidity", "0101010101010101", 44, "2022-07-18T09:34:15.775Z", "3ac7e3c4-4401-4b8d-9386-a5c902f9202d"],
    ],
  },
  {
    file: "tts-up.json",
    like: "things-stack",
    topic: "v3/app1@ttn/devices/dev1/up",
    lines: [
      ["temperature", "dev1", 1, "2020-02-12T15:15:45.687Z", "AXBSH1Pk6Z0G166= 2"],
      ["luminosity", "dev1", 0.64, "2020-02-12T15:15:45.687Z", "AXBSH1Pk6Z0G166= 2"],
    ],
  },
  {
    file: "thingsboard-ts.json",
    like: "thingsboard",
    topic: "v1/devices/me/telemetry",
    lines: [
      ["temperature", "", 22.5, "2016-01-01T12:00:00.000Z", "time"],
      ["humidity", "", 61, "2016-01-01T12:00:00.000Z", "time"],
      ["temperature", "", 22.7, "2016-01-01T12:00:01.000Z", "time"],
      ["humidity", "", 60, "2016-01-01T12:00:01.000Z", "time"],
    ],
  },
  {
    file: "thingsboard-gateway.json",
    like: "thingsboard-gateway",
    topic: "v1/gateway/telemetry",
    lines: [
      ["temperature", "Device A", 42, "2017-01-01T00:00:00.000Z", "time"],
      ["humidity", "Device A", 80, "2017-01-01T00:00:00.000Z", "time"],
      ["temperature", "Device B", 42, "2017-01-01T00:00:00.000Z", "time"],
    ],
  },
  {
    file: "kepserver-iotgw.json",
    like: "kepserver",
    topic: "iotgateway",
    lines: [["Line1.PLC.Temp", "Line1.PLC.Temp", 63, "2021-06-15T19:37:55.134Z", "time"]],
  },
  {
    file: "ha-statestream.txt",
    like: "homeassistant",
    topic: "homeassistant/sensor/kitchen_temp/state",
    lines: [["kitchen_temp", "kitchen_temp", 21.5, "", ""]],
  },
  {
    file: "heishamon.txt",
    like: "heishamon",
    topic: "panasonic_heat_pump/main/Outside_Temp",
    lines: [["Outside_Temp", "heat-pump", 7, "", ""]],
  },
  {
    file: "sensor-community.json",
    like: "sensor-community",
    topic: null,
    lines: [
      ["SDS_P1", "12345678", 1.8, "", ""],
      ["SDS_P2", "12345678", 1.7, "", ""],
      ["temperature", "12345678", 25.9, "", ""],
      ["signal", "12345678", -36, "", ""],
    ],
  },
  {
    file: "ecowitt.txt",
    like: "ecowitt",
    topic: null,
    type: FORM,
    lines: [
      ["temperature", "00000000000000000000000000000000", 4.3, "2024-01-07T01:43:50.000Z", "time"],
      ["temperature_indoor", "00000000000000000000000000000000", 20.5, "2024-01-07T01:43:50.000Z", "time"],
      ["humidity", "00000000000000000000000000000000", 99, "2024-01-07T01:43:50.000Z", "time"],
      ["humidity_indoor", "00000000000000000000000000000000", 42, "2024-01-07T01:43:50.000Z", "time"],
      ["pressure", "00000000000000000000000000000000", 990.31550168, "2024-01-07T01:43:50.000Z", "time"],
      ["wind_speed", "00000000000000000000000000000000", 0.5990336, "2024-01-07T01:43:50.000Z", "time"],
      ["wind_direction", "00000000000000000000000000000000", 60, "2024-01-07T01:43:50.000Z", "time"],
    ],
  },
  {
    file: "wunderground.txt",
    like: "wunderground",
    topic: null,
    type: FORM,
    lines: [
      ["temperature", "MYSTATION", 4.16666666667, "", ""],
      ["humidity", "MYSTATION", 88, "", ""],
      ["pressure", "MYSTATION", 1035.89629313, "", ""],
      ["wind_speed", "MYSTATION", 0, "", ""],
      ["wind_direction", "MYSTATION", 307, "", ""],
    ],
  },
  {
    file: "senml.json",
    like: "senml",
    topic: null,
    lines: [
      ["voltage", "urn:dev:ow:10e2073a01080063", 120.1, "2010-06-08T18:01:16.001Z", "time"],
      ["current", "urn:dev:ow:10e2073a01080063", 1.2, "2010-06-08T18:01:11.001Z", "time"],
      ["current", "urn:dev:ow:10e2073a01080063", 1.3, "2010-06-08T18:01:12.001Z", "time"],
      ["current", "urn:dev:ow:10e2073a01080063", 1.7, "2010-06-08T18:01:16.001Z", "time"],
    ],
  },
  {
    file: "cloudevents.txt",
    like: "cloudevents",
    topic: null,
    lines: [
      ["room.temperature", "/site/1/device/7", 21.5, "2026-01-31T12:00:00.000Z", "/site/1/device/7 A234-1234-1234"],
    ],
  },
];
