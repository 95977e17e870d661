/** `tidemark series` on a real server and in a real terminal. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { dataDirectory, done, eventually, inTerminal, ROOT, skipWithoutTerminal, succeeded, tidemark } from "./cli.ts";

const data = dataDirectory();
const window = ["--from", "2020-01-13T15:00", "--to", "2020-01-13T15:59", "--timezone", "Asia/Tokyo"];
let url = "";
let server: ReturnType<typeof tidemark>;

before(async () => {
  server = tidemark(["serve", "--data", data.path, "--port", "0"]);
  url = /listening on (\S+):/.exec(await server.until(/listening on \S+: /))?.[1] ?? assert.fail();
  for (const [sensor, time, value] of [
    ["plant-1", "2020-01-13T06:10:00Z", "1"],
    ["plant-1", "2020-01-13T06:10:01Z", "2"],
    ["plant-1", "2020-01-13T06:40:00Z", "1234.5678"],
    ["plant-1", "2020-01-12T06:10:00Z", "7"],
    ["plant-2", "2020-01-13T06:59:00Z", "5"],
  ] as const) {
    await succeeded(["send", sensor, value, "--time", time, "--url", url]);
  }
  await eventually(async () =>
    assert.match(await succeeded(["query", "plant-2", "count", "--url", url]), /plant-2 +1\n/),
  );
});
after(async () => {
  server.kill("SIGTERM");
  await server.ended;
  await data.remove();
});

const series = (...args: readonly string[]) => succeeded(["series", ...args, ...window, "--url", url]);

test("a table without a terminal: rounded, on the clock of the zone, empty buckets too", async () => {
  assert.equal(
    await series("plant-1", "--every", "20m", "--metrics", "count,mean"),
    [
      "TIME Asia/Tokyo      count       mean",
      "2020-01-13 15:00:00      2      1.500",
      "2020-01-13 15:20:00      0          –",
      "2020-01-13 15:40:00      1  1,234.568",
      "",
    ].join("\n"),
  );
});

test("several by wildcards, and the day before beside them", async () => {
  const table = await series("plant-*", "--every", "30m", "--metrics", "max", "--shift", "1d");
  assert.match(table, /^TIME Asia\/Tokyo +plant-1\.max +plant-2\.max +plant-1\.max -1d +plant-2\.max -1d\n/);
  assert.match(table, /^2020-01-13 15:00:00 +2\.000 +– +7 +–$/m);
});

test("CSV, NDJSON and JSON are the server's own, every digit", async () => {
  const args = ["plant-1", "--every", "30m", "--metrics", "mean"];
  const parameters = `sensor=plant-1&metrics=mean&every=30m&from=2020-01-13T15:00&to=2020-01-13T15:59&timezone=Asia/Tokyo`;
  for (const format of ["csv", "ndjson", "json"]) {
    const own = await (await fetch(`${url}/series?${parameters}&format=${format}`)).text();
    assert.match(own, /1234\.5678/);
    assert.equal(await series(...args, "--format", format), own);
  }
  assert.equal(await series(...args, "--json"), await series(...args, "--format", "json"));
});

test("a chart as wide as the terminal", { skip: skipWithoutTerminal() }, async () => {
  const line = ["series", "plant-1", ...window, "--url", url].join(" ");
  const terminal = inTerminal(`stty cols 60 rows 20; ${process.execPath} bin/tidemark.js ${line}`, ROOT, {
    NO_COLOR: "1",
  });
  const { code, stdout } = await terminal.ended;
  assert.equal(code, 0, stdout);
  const lines = stdout.trimEnd().split("\r\n");
  assert.equal(lines[0], "mean, min to max every 1m, 2020-01-13 15:00 to 16:00 Asia/T…");
  assert.match(lines[1], /^━ plant-1 1,234\.568 \(1 … 1,234\.568\)$/);
  assert.ok(lines.every((each) => each.length <= 60) && lines.length > 12 && lines.length < 20, stdout);
  assert.match(lines.at(-1) ?? "", /^ +15:15 +15:30 +15:45$/);
});

test("what is not there, and too many", async () => {
  const typo = await done(["series", "plnt-1", "--url", url]);
  assert.equal(typo.code, 1);
  assert.match(typo.stderr, /there is no sensor plnt-1; did you mean plant-1\?\n$/);
  const many = await done(["series", ...Array.from({ length: 9 }, (_, i) => `s${i}`), "--url", url]);
  assert.match(many.stderr, /^tidemark: Cannot show 9 sensors together: expected at most 8/);
  const time = await done(["series", "plant-1", "--from", "noon", "--url", url]);
  assert.equal(time.code, 1);
  assert.match(time.stderr, /^tidemark: Cannot show the series: .*noon/);
});
