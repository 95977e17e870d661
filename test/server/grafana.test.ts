/**
 * `/graphite/…` as Grafana's built-in Graphite data source asks it: requests and readings of answers follow Grafana's own source, of
 * github.com/grafana/grafana: public/app/plugins/datasource/graphite/datasource.ts at 46831bf7 (the browser's way: `query`,
 * `buildGraphiteParams`, `convertResponseToDataFrames`, `metricFindQuery`) and pkg/tsdb/graphite at 07045fa0 (the server's way: `query.go`,
 * `healthcheck.go`, `resource_handler.go`).
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/config.ts";
import { type Fixture, NOON, openFixture } from "./fixture.ts";
import { ScanEngine } from "./scan-engine.ts";

const FORM = { "content-type": "application/x-www-form-urlencoded" };
const HOUR = 3600;
const NOW = NOON / 1000;

interface Drawn {
  readonly target: string;
  readonly datapoints: readonly (readonly [value: number | null, second: number])[];
}

/** What Grafana's browser side makes of a target (`query`). */
const wrapped = (target: string, refId: string) => `aliasSub(${target}, "(^.*$)", "\\1 ${refId}")`;

/** The body that `buildGraphiteParams` joins. */
function bodyOf(
  targets: readonly string[],
  from: string | number,
  until: string | number,
  maxDataPoints: number,
): string {
  const parts = targets.map((target) => `target=${encodeURIComponent(target)}`);
  return [...parts, `from=${from}`, `until=${until}`, "format=json", `maxDataPoints=${maxDataPoints}`].join("&");
}

describe("Grafana's Graphite data source", () => {
  let fixture: Fixture;

  before(async () => {
    fixture = await openFixture({}, new ScanEngine(["temperature", "humidity", "plant.hall-7"]));
    for (let i = 0; i < 48; i++) {
      if (i % 5 !== 0)
        fixture.engine.add("temperature", [NOON - i * HOUR * 1000 - 1000, i], [NOON - i * HOUR * 1000 - 2000, i + 1]);
    }
    fixture.engine.add("humidity", [NOON - 5000, 48]);
    fixture.engine.add("plant.hall-7", [NOON - 5000, 7]);
  });

  after(() => fixture.server.close());

  const post = (url: string, payload: string) => fixture.app.inject({ method: "POST", url, payload, headers: FORM });

  async function render(
    targets: readonly string[],
    from: string | number,
    until: string | number,
    points = 100,
  ): Promise<Drawn[]> {
    const response = await post("/graphite/render", bodyOf(targets, from, until, points));
    assert.equal(response.statusCode, 200, response.body);
    return response.json<Drawn[]>();
  }

  test("each point is what a question answers for its bucket; buckets without readings are null", async () => {
    const [from, until] = [NOW - 24 * HOUR, NOW];
    const [mean, p95] = await render(
      ["temperature.mean", "temperature.p95"].map((each, i) => wrapped(each, "AB"[i])),
      from,
      until,
      24,
    );
    assert.deepEqual([mean.target, p95.target], ["temperature.mean A", "temperature.p95 B"]);
    assert.equal(mean.datapoints.length, 24);
    assert.ok(mean.datapoints.some(([value]) => value === null));
    for (const [i, [value, second]] of mean.datapoints.entries()) {
      const toExclusive = (mean.datapoints[i + 1]?.[1] ?? until) * 1000;
      const body = JSON.stringify({ temperature: ["mean", "p95"], from: second * 1000, toExclusive });
      const { result } = (await fixture.app.inject({ method: "POST", url: "/compute/metrics", body })).json();
      assert.deepEqual([value, p95.datapoints[i][0]], [result.temperature.mean, result.temperature.p95]);
    }
  });

  test("the refId comes back as the last word, whatever the name is", async () => {
    const [named] = await render([wrapped('alias(temperature.mean, "in the hall")', "My_query")], NOW - HOUR, NOW);
    const words = named.target.split(" ");
    assert.equal(words.pop(), "My_query");
    assert.equal(words.join(" "), "in the hall");
  });

  test("the server's way: Go's url.Values, targets as they are, relative times, GET", async () => {
    const values = new URLSearchParams({
      from: String(NOW - HOUR),
      until: String(NOW),
      format: "json",
      maxDataPoints: "1000",
      target: "humidity.last",
    });
    values.sort();
    const [drawn] = (await post("/graphite/render", values.toString())).json<Drawn[]>();
    assert.equal(drawn.target, "humidity.last");
    assert.deepEqual(
      drawn.datapoints.filter(([value]) => value !== null),
      [[48, NOW - 5]],
    );
    const asked = await fixture.app.inject({ url: `/graphite/render?${values}` });
    assert.deepEqual(asked.json(), [drawn]);
    const [relative] = await render(["humidity.last"], "-1h", "now", 3601);
    assert.deepEqual(
      relative.datapoints.filter(([value]) => value !== null).map(([value]) => value),
      [48],
    );
    const [minutes] = await render(["humidity.count"], "-5min", "now");
    assert.equal(minutes.datapoints[0][1], NOW - 300);
    assert.equal(
      minutes.datapoints.reduce((sum, [value]) => sum + (value ?? 0), 0),
      1,
    );
  });

  test("saving the data source draws a constant", async () => {
    assert.deepEqual(await render(["constantLine(100)"], NOW - HOUR, NOW, 300), [
      {
        target: "100",
        datapoints: [
          [100, NOW - HOUR],
          [100, NOW - HOUR / 2],
          [100, NOW],
        ],
      },
    ]);
  });

  test("no more points than are asked for, and 2,000", async () => {
    for (const [asked, most] of [
      [1, 1],
      [7, 7],
      [500, 500],
      [9000, 2000],
    ]) {
      const [{ datapoints }] = await render(["temperature.count"], NOW - 40 * HOUR, NOW, asked);
      assert.ok(datapoints.length <= most && datapoints.length >= most / 4, `${datapoints.length} of ${asked}`);
    }
  });

  test("timeShift has the numbers of the day before at the times of today", async () => {
    const [shifted] = await render(["timeShift(temperature.mean, '1d')"], NOW - 6 * HOUR, NOW, 6);
    const [before] = await render(["temperature.mean"], NOW - 30 * HOUR, NOW - 24 * HOUR, 6);
    assert.equal(shifted.target, 'timeShift(temperature.mean,"1d")');
    assert.deepEqual(
      shifted.datapoints,
      before.datapoints.map(([value, second]) => [value, second + 24 * HOUR]),
    );
    const [named] = await render(["alias(timeShift(temperature.mean,'-24h'),'before')"], NOW - 6 * HOUR, NOW, 6);
    assert.deepEqual(named, {
      target: "before",
      datapoints: before.datapoints.map(([value, second]) => [value, second + 24 * HOUR]),
    });
  });

  test("several sensors and metrics by one target; names with dots", async () => {
    const names = async (target: string) => (await render([target], NOW - HOUR, NOW)).map((each) => each.target);
    assert.deepEqual(await names("*.mean"), ["temperature.mean", "humidity.mean"]);
    assert.deepEqual(await names("{humidity,temperature}.{min,max}"), [
      "temperature.min",
      "temperature.max",
      "humidity.min",
      "humidity.max",
    ]);
    assert.deepEqual(await names("plant.*.last"), ["plant.hall-7.last"]);
    assert.deepEqual(await names("plant.hall-7.p99.9"), ["plant.hall-7.p99.9"]);
    assert.deepEqual(await names("temper*.me?n"), ["temperature.mean"]);
    assert.deepEqual(await names("nothing*.mean"), []);
  });

  test("finding metrics, level by level", async () => {
    const found = async (query: string) => {
      const response = await post(`/graphite/metrics/find?from=${NOW - HOUR}&until=${NOW}`, `query=${query}`);
      assert.equal(response.statusCode, 200, response.body);
      return response
        .json<{ text: string; expandable: number }[]>()
        .map(({ text, expandable }) => [text, expandable === 1]);
    };
    assert.deepEqual(await found("*"), [
      ["temperature", true],
      ["humidity", true],
      ["plant", true],
    ]);
    assert.deepEqual(await found("plant.*"), [["hall-7", true]]);
    const metrics = await found("temperature.*");
    assert.ok(metrics.some(([text]) => text === "mean") && metrics.every(([, expandable]) => expandable === false));
    assert.deepEqual(await found("plant.hall-7.m*"), [
      ["mean", false],
      ["min", false],
      ["max", false],
      ["median", false],
    ]);
    assert.deepEqual(await found("nothing.*"), []);
    const expanded = await fixture.app.inject("/graphite/metrics/expand?query=*.count");
    assert.deepEqual(expanded.json(), { results: ["temperature.count", "humidity.count"] });
  });

  test("what it asks beside: version, functions, tags, events", async () => {
    const get = async (path: string) => (await fixture.app.inject(`/graphite/${path}`)).json();
    assert.match(await get("version"), /^\d+\.\d+\.\d+$/); // `getVersion` makes a SemVer of it
    const functions = await get("functions");
    assert.deepEqual(Object.keys(functions), ["alias", "timeShift", "constantLine"]);
    assert.equal(functions.alias.params[0].type, "seriesList"); // `parseFuncDefs` takes it for the target
    for (const { name } of Object.values<{ name: string }>(functions)) {
      const target = name === "constantLine" ? "constantLine(1)" : `${name}(temperature.mean, '1d')`;
      assert.equal((await render([target], NOW - HOUR, NOW)).length, 1);
    }
    for (const path of [
      "tags/autoComplete/tags?expr=",
      "tags/autoComplete/values?tag=a",
      "events/get_data?from=-1h&until=now",
    ]) {
      assert.deepEqual(await get(path), []);
    }
  });

  for (const [target, text] of [
    ["sumSeries(temperature.mean)", /Cannot draw sumSeries\(…\): expected sensor\.metric such as .*constantLine/],
    ["temperature.mode", /no such sensor \(temperature, humidity, plant\.hall-7\) with such a metric/],
    ["temprature.mean", /no such sensor/],
    ["temperature", /no such sensor/],
    ["", /expected sensor\.metric/],
    ["alias(temperature.mean)", /expected sensor/],
    ["alias(temperature.mean, 5)", /expected sensor/],
    ["alias(temperature.mean, 'x'", /expected sensor/],
    ["temperature.mean)", /expected sensor/],
    ["'temperature.mean'", /expected sensor/],
    ["timeShift(temperature.mean, '1 fortnight')", /timeShift by "1 fortnight"/],
    ["timeShift(temperature.mean, '+1d')", /timeShift by "\+1d"/],
    ["constantLine(many)", /expected sensor/],
    ['aliasSub(temperature.mean, "mean", "x")', /expected sensor/],
    ["alias(".repeat(2000), /expected sensor/],
    [`${"{a,b}".repeat(30)}.mean`, null],
  ] as const) {
    test(`${text === null ? "bounded" : "refused"}: ${target.slice(0, 50)}`, async () => {
      const response = await post("/graphite/render", bodyOf([wrapped(target, "A")], NOW - HOUR, NOW, 100));
      assert.equal(response.statusCode, text === null ? 200 : 400, response.body);
      if (text === null) return assert.deepEqual(response.json(), []);
      assert.match(response.json().message, text); // `doGraphiteRequest` shows nothing else
    });
  }

  test("an error of the server has its message, too", async () => {
    fixture.engine.failure = new Error("the disk is on fire");
    const response = await post("/graphite/render", bodyOf(["temperature.mean"], NOW - HOUR, NOW, 100));
    fixture.engine.failure = null;
    assert.equal(response.statusCode, 500);
    assert.match(response.json().message, /^Cannot answer: tidemark has a bug here/);
    assert.equal(fixture.bugs.length, 1);
  });

  for (const [query, text] of [
    [`target=temperature.mean&from=${NOW}&until=${NOW - 1}`, /expected from <= until/],
    ["target=temperature.mean&from=yesterday", /from "yesterday": expected epoch seconds/],
    ["target=temperature.mean&format=png", /format must be json/],
    ["target=temperature.mean&maxDataPoints=many", /maxDataPoints "many"/],
    ["", /no target/],
    [`target=*.*&target=*.*&target=*.*`, /at most 64/],
  ] as const) {
    test(`refused: ${query}`, async () => {
      const response = await fixture.app.inject(`/graphite/render?${query}`);
      assert.equal(response.statusCode, 400, response.body);
      assert.match(response.json().message, text);
    });
  }
});

test("every target of the dashboard is drawn by a real server, its variable lists sensors; Infinity's address is answered", async (t) => {
  const data = mkdtempSync(join(tmpdir(), "tidemark-grafana-"));
  const { invocation } = loadConfig(["serve", "--data", data, "--timezone", "UTC"], {}, "/");
  if (invocation.command !== "serve") throw new Error("not serve");
  const app = await openApp({ ...invocation.config, port: 0 });
  t.after(async () => {
    await app.close();
    rmSync(data, { recursive: true });
  });
  const url = `http://localhost:${app.port}`;
  for (const sensor of ["temperature", "humidity"]) {
    assert.equal((await fetch(`${url}/readings/${sensor}`, { method: "POST", body: "21.5" })).status, 200);
  }
  const dashboard = JSON.parse(readFileSync(new URL("../../docs/grafana/tidemark.json", import.meta.url), "utf8"));
  const [variable] = dashboard.templating.list;
  let sensors: string[] = [];
  while (sensors.length < 2) {
    const found = await fetch(`${url}/graphite/metrics/find`, {
      method: "POST",
      headers: FORM,
      body: `query=${variable.query}`,
    });
    sensors = ((await found.json()) as { text: string }[]).map(({ text }) => text);
  }
  const now = Math.floor(Date.now() / 1000);
  let drawn = 0;
  for (const panel of dashboard.panels) {
    assert.equal(panel.datasource.type, "graphite");
    const targets = panel.targets.map((each: { refId: string; target: string }) =>
      wrapped(each.target.replaceAll(`$${variable.name}`, sensors[0]), each.refId),
    );
    const body = bodyOf(targets, now - 6 * HOUR, now + 1, 1000);
    const response = await fetch(`${url}/graphite/render`, { method: "POST", headers: FORM, body });
    const lines = (await response.json()) as Drawn[];
    assert.equal(response.status, 200, JSON.stringify(lines));
    assert.ok(lines.length >= targets.length);
    drawn += lines.filter(({ datapoints }) => datapoints.some(([value]) => value === 21.5)).length;
  }
  assert.ok(drawn >= 6, `${drawn}`);
  const [, address = ""] =
    /\| URL \| `http:\/\/localhost:5000(\/series[^`]+)`/.exec(
      readFileSync(new URL("../../docs/GRAFANA.md", import.meta.url), "utf8"),
    ) ?? [];
  const filled = address.replace(/\$\{__from\}/, String((now - HOUR) * 1000)).replace(/\$\{__to\}/, String(now * 1000));
  const csv = await (await fetch(url + filled)).text();
  const [head, first] = csv.split("\n");
  assert.equal(head, "from,toExclusive,temperature.mean,temperature.max");
  assert.ok(Number.isFinite(Date.parse(first.split(",")[0])));
  assert.ok(csv.includes("21.5,21.5"), csv);
});
