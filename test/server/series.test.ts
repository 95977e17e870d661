/** `GET /series`: every bucket is what `POST /compute/metrics` answers for its edges, in every format. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { type Fixture, NOON, openFixture } from "./fixture.ts";

const HOUR = 3_600_000;
const METRICS = "count,mean,min,max,first,last,sum,stddev,p95,rate,seconds";

interface Series {
  readonly step: string;
  readonly timezone: string;
  readonly edges: readonly number[];
  readonly series: Readonly<Record<string, Readonly<Record<string, readonly (number | null)[]>>>>;
}

describe("GET /series", () => {
  let fixture: Fixture;

  before(async () => {
    fixture = await openFixture();
    const random = new Random(5);
    for (let i = 0; i < 600; i++) {
      const time = NOON - random.integer(0, 40 * 24 * HOUR);
      fixture.engine.add(random.pick(["temperature", "humidity"]), [time, random.integer(-500, 500) / 10]);
    }
  });

  after(() => fixture.server.close());

  const get = (query: string, headers: Record<string, string> = {}) =>
    fixture.app.inject({ method: "GET", url: `/series?${query}`, headers });

  const read = async (query: string): Promise<Series> => {
    const response = await get(query);
    assert.equal(response.statusCode, 200, response.body);
    assert.equal(response.headers["content-type"], "application/json; charset=utf-8");
    return response.json<Series>();
  };

  async function computed(sensor: string, from: number, toExclusive: number): Promise<Record<string, number | null>> {
    const body = JSON.stringify({ [sensor]: METRICS.split(","), from, toExclusive });
    const response = await fixture.app.inject({ method: "POST", url: "/compute/metrics", body });
    assert.equal(response.statusCode, 200, response.body);
    return response.json().result[sensor];
  }

  for (const query of [
    "every=1d&timezone=America/Sao_Paulo",
    "every=6h",
    "points=7",
    "every=1w&from=2019-12-20&to=2020-01-12",
    "every=1mo&shift=1mo",
    "every=1h&from=2020-01-10&to=2020-01-11&shift=1d",
  ]) {
    test(`each bucket is what compute answers: ${query}`, async () => {
      const sensors = ["temperature", "humidity", "pressure"];
      const { edges, series } = await read(`sensor=${sensors.join("&sensor=")}&metrics=${METRICS}&${query}`);
      assert.deepEqual(Object.keys(series), sensors);
      let counted = 0;
      for (const sensor of sensors) {
        for (let bucket = 0; bucket < edges.length - 1; bucket++) {
          const got = Object.entries(series[sensor]).map(([name, numbers]) => [name, numbers[bucket]]);
          assert.deepEqual(Object.fromEntries(got), await computed(sensor, edges[bucket], edges[bucket + 1]));
          counted += series[sensor]["count"][bucket] ?? 0;
        }
        for (const numbers of Object.values(series[sensor])) assert.equal(numbers.length, edges.length - 1);
      }
      assert.ok(counted > 0);
      assert.equal(
        series["pressure"]["mean"].every((value) => value === null),
        true,
      );
    });
  }

  test("buckets add up to the window, and the step is one that people read easily", async () => {
    const { step, timezone, edges, series } = await read("sensor=temperature&metrics=count&points=100");
    assert.deepEqual([step, timezone], ["12h", "Europe/Berlin"]);
    assert.ok(edges.length <= 101);
    const total = series["temperature"]["count"].reduce((sum: number, count) => sum + (count ?? 0), 0);
    const response = await fixture.app.inject({
      ...{ method: "POST", url: "/compute/metrics", body: '{"temperature":["count"]}' },
    });
    assert.equal(total, response.json().result.temperature.count);
  });

  test("CSV and NDJSON say the same as JSON, by Accept or by format", async () => {
    const query = "sensor=temperature,humidity&metrics=mean,max&every=1d&from=2020-01-01&to=2020-01-05";
    const { edges, series } = await read(query);
    const rows = edges.slice(0, -1).map((edge, bucket) => {
      const numbers = ["temperature", "humidity"].flatMap((sensor) => [
        series[sensor]["mean"][bucket],
        series[sensor]["max"][bucket],
      ]);
      return [edge, edges[bucket + 1], ...numbers];
    });
    for (const response of [await get(`${query}&format=csv`), await get(query, { accept: "text/csv" })]) {
      assert.equal(response.headers["content-type"], "text/csv; charset=utf-8");
      const [head, ...lines] = response.body.trimEnd().split("\n");
      assert.equal(head, "from,toExclusive,temperature.mean,temperature.max,humidity.mean,humidity.max");
      const cells = lines.map((line) => {
        const [from, end, ...numbers] = line.split(",");
        return [Date.parse(from), Date.parse(end), ...numbers.map((text) => (text === "" ? null : Number(text)))];
      });
      assert.deepEqual(cells, rows);
    }
    const ndjson = await get(query, { accept: "application/x-ndjson" });
    const lines = ndjson.body
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ from, toExclusive, temperature, humidity }) => [
        ...[Date.parse(from), Date.parse(toExclusive)],
        ...[temperature.mean, temperature.max, humidity.mean, humidity.max],
      ]),
      rows,
    );
  });

  test("a window without a second has no bucket", async () => {
    const { edges, series } = await read("sensor=temperature&from=2020-01-13&toExclusive=2020-01-13");
    assert.deepEqual([edges.length, series["temperature"]["mean"]], [1, []]);
  });

  for (const [query, text] of [
    ["", /no sensor: expected sensor=NAME/],
    ["sensor=nothing", /sensor "nothing": expected one of temperature, humidity, pressure/],
    [`sensor=${Array.from({ length: 9 }, (_, i) => `s${i}`)}`, /9 sensors: expected at most 8/],
    ["sensor=temperature&metrics=mode", /metric "mode": expected a metric such as/],
    ["sensor=temperature&every=1x", /every "1x": expected a whole number and s, m, h, d, w, mo or y/],
    ["sensor=temperature&every=1h&points=5", /points and every together/],
    ["sensor=temperature&points=0", /points must be >= 1, was 0/],
    ["sensor=temperature&points=many", /points must be integer, was "many"/],
    ["sensor=temperature&every=1s", /every 1s: expected at most 100000 buckets/],
    ["sensor=temperature&timezone=Mars", /timezone "Mars": expected an IANA name/],
    ["sensor=temperature&from=tomorrowish", /Unreadable time "tomorrowish" in from/],
    ["sensor=temperature&format=xml", /format must be json or csv or ndjson, was "xml"/],
    ["sensor=temperature&shift=day", /shift "day": expected a whole number/],
  ] as const) {
    test(`refused: ${query || "nothing asked"}`, async () => {
      const response = await get(query);
      assert.equal(response.statusCode, 400, response.body);
      assert.match(response.json().detail, text);
    });
  }
});
