/** docs/DOORS.md: each configuration as it stands there, and the lines below it; and its walk, with a broker. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { CONFIG_FILE } from "../../src/config/settings.ts";
import { Mosquitto, skipWithoutMosquitto } from "../doors/mosquitto.ts";
import { dataDirectory, eventually, freePort, launch, ROOT } from "./cli.ts";

const folder = mkdtempSync(join(tmpdir(), "tidemark-doors-"));
const data = dataDirectory();
after(async () => {
  await data.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** What some of the lines say. */
const SAID: readonly (readonly [line: RegExp, output: RegExp])[] = [
  [/zigbee2mqtt\/kitchen\/window/, /uv_index +kitchen\/window +3 +2021-11-22T22:20:12.680Z +device and time/],
  [/home\/tele\/cellar/, /temperature +cellar\/DS18B20 +13.3/],
  [/outdoor_temperature\/state/, /esphome: takes it\n[^\n]*\n +outdoor_temperature +weather-node +21.5/],
  [/^echo '\{"serial"/, /flow_temperature +b-7 +61.2 .*boot x1, sequence 3\n +water_pressure +b-7 +1500 /],
  [/in\/boiler/, /\{"appended":2\}/],
  [/in\/wunderground/, /\{"appended":1\}/],
  [/farm\/north/, /soil_temperature +north\/bed-3\/left\/p1 +15 +2024-06-01T06:00:00.000Z[\s\S]*1 passed over/],
  [/sensors\/attic/, /temperature +attic +21.5 +when it comes.*each copy counts/],
  [/in\/cellar/, /"not-found"/],
  [/^tidemark unrouted/, /\/in\/cellar {2}once[\s\S]*map: \{"name":"cellar","readings":\[\{"at":"celsius"/],
  [/localhost:\d+\/doors/, /"name":"in"/],
];

test("docs/DOORS.md", { timeout: 120_000 }, async () => {
  symlinkSync(join(ROOT, "scripts/tidemark"), join(folder, "tidemark"));
  const port = String(await freePort());
  const env = { PATH: `${folder}:${process.env["PATH"] ?? ""}`, TIDEMARK_DATA: data.path, TIDEMARK_PORT: port };
  const document = readFileSync(join(ROOT, "docs/DOORS.md"), "utf8");
  const said = new Set(SAID);
  let configurations = 0;
  for (const [, kind, text] of document.matchAll(/^```(json|sh)\n(.*?)^```$/gms)) {
    if (kind === "json") {
      writeFileSync(join(folder, CONFIG_FILE), text);
      configurations++;
      continue;
    }
    for (const line of text.trim().split("\n")) {
      const run = line.replaceAll("localhost:5000", `localhost:${port}`);
      const { code, stdout, stderr } = await launch("sh", ["-ec", run], { cwd: folder, env }).ended;
      assert.equal(code, 0, `${line}\n${stdout}${stderr}`);
      for (const each of SAID) {
        if (!each[0].test(line)) continue;
        assert.match(stdout, each[1], line);
        said.delete(each);
      }
    }
  }
  assert.deepEqual([...said], []);
  assert.equal(configurations, 5);
});

/** What the last lines of a step of the walk say; asked again until then, as nothing waits for the broker. */
const WALKED: readonly (readonly [line: RegExp, output: RegExp])[] = [
  [/^curl/, /"name":"mqtt","trouble":null/],
  [/^tidemark query temperature/, /2 +13\.300 +21\.500/],
  [
    /^tidemark unrouted/,
    /greenhouse\/bed-3\/state {2}once[\s\S]*map: (\{"name":"greenhouse","topic":"greenhouse\/\{device\}\/state".*"id":"time"\})/,
  ],
  [/^tidemark series moisture/, /moisture[\s\S]*[\u2800-\u28ff]/],
  [/^tidemark alerts --state on/, /on +dry +moisture +2026-01-01T06:00:00Z +– +32\n/],
  [/^tidemark alerts --state taken-back/, /taken-back +dry +moisture +2026-01-01T06:00:00Z/],
];

test("the walk of docs/DOORS.md", { skip: skipWithoutMosquitto(), timeout: 120_000 }, async (t) => {
  const broker = await Mosquitto.start();
  const walk = mkdtempSync(join(tmpdir(), "tidemark-walk-"));
  symlinkSync(join(ROOT, "scripts/tidemark"), join(walk, "tidemark"));
  const port = String(await freePort());
  const env = { PATH: `${walk}:${process.env["PATH"] ?? ""}`, TIDEMARK_PORT: port, TIDEMARK_TIMEZONE: "UTC" };
  t.after(async () => {
    await launch("sh", ["-ec", "tidemark stop"], { cwd: walk, env }).ended;
    await broker.remove();
    rmSync(walk, { recursive: true, force: true });
  });
  const document = readFileSync(join(ROOT, "docs/DOORS.md"), "utf8");
  const said = new Set(WALKED);
  for (const [, kind, text] of document.matchAll(/^```(json|sh) walk\n(.*?)^```$/gms)) {
    const own = text
      .replaceAll("localhost:1883", `127.0.0.1:${broker.port}`)
      .replaceAll("localhost:5000", `localhost:${port}`);
    if (kind === "json") {
      writeFileSync(join(walk, CONFIG_FILE), own);
      continue;
    }
    for (const line of own.trim().split("\n")) {
      if (line.startsWith("mosquitto -d")) continue; // ours, on a port of its own
      const run = line.replaceAll("mosquitto_pub ", `mosquitto_pub -h 127.0.0.1 -p ${broker.port} `);
      const expected = WALKED.find(([pattern]) => pattern.test(line));
      await eventually(async () => {
        const { code, stdout, stderr } = await launch("sh", ["-ec", run], { cwd: walk, env }).ended;
        assert.equal(code, 0, `${line}\n${stdout}${stderr}`);
        if (expected === undefined) return;
        const found = expected[1].exec(stdout);
        assert.ok(found !== null, `${line}\n${stdout}`);
        if (found[1] !== undefined) assert.ok(document.includes(`\`${found[1]}\``), found[1]);
      });
      if (expected !== undefined) said.delete(expected);
    }
  }
  assert.deepEqual([...said], []);
});
