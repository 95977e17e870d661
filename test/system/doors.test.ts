/** docs/DOORS.md: each configuration as it stands there, and the lines below it. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { CONFIG_FILE } from "../../src/config/settings.ts";
import { dataDirectory, freePort, launch, ROOT } from "./cli.ts";

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
  assert.equal(configurations, 4);
});
