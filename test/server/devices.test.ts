/** Questions per device over HTTP, against an engine that scans: single ones, all by name in parts, the largest, receipts, series, the list. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Fixture, NOON, openFixture } from "./fixture.ts";

const WINDOW = { from: NOON, toExclusive: NOON + 10_000 };

describe("devices", () => {
  let fixture: Fixture;

  /** "kitchen" has 1, 2, 3; "attic" 10, late; "7" 5; "zoo" has no series; 99 is of no device. */
  before(async () => {
    fixture = await openFixture();
    const { engine } = fixture;
    engine.firstWithoutSeries = "z";
    for (const value of [1, 2, 3]) engine.add("temperature", [NOON + value * 1000, value, false, "kitchen"]);
    engine.add("temperature", [NOON, 10, true, "attic"], [NOON, 5, false, "7"], [NOON, 50, false, "zoo"], [NOON, 99]);
    engine.add("humidity", [NOON, 40, false, "kitchen"]);
  });

  after(() => fixture.server.close());

  async function compute(query: string, body: object = { temperature: ["max", "count"] }, status = 200) {
    const url = `/compute/metrics?${query}`;
    const response = await fixture.app.inject({ method: "POST", url, body: JSON.stringify({ ...body, ...WINDOW }) });
    assert.equal(response.statusCode, status, response.body);
    return { ...response.json(), text: response.body };
  }

  async function get(url: string, status = 200) {
    const response = await fixture.app.inject({ method: "GET", url });
    assert.equal(response.statusCode, status, response.body);
    return response;
  }

  test("one device", async () => {
    const { result, errors } = await compute("device=kitchen", { temperature: ["sum", "rate"], humidity: ["last"] });
    assert.deepEqual([result, errors], [{ temperature: { sum: 6, rate: 0.75 }, humidity: { last: 40 } }, []]);
  });

  test("a sensor that has no such device, or none with a series, is an error, and the rest is computed", async () => {
    const both = { temperature: ["max"], humidity: ["max"] };
    const { result, errors } = await compute("device=attic", both);
    assert.deepEqual(result, { temperature: { max: 10 } });
    assert.deepEqual(errors, ['Cannot answer for device "attic" of "humidity": it has none']);
    assert.equal((await compute("device=zoo", both, 400)).errors.length, 2);
    assert.equal((await compute("device=nobody", both, 400)).errors.length, 2);
  });

  test("each device by name, in parts", async () => {
    const all = await compute("by=device");
    assert.deepEqual(all.result, {
      temperature: { 7: { max: 5, count: 1 }, attic: { max: 10, count: 1 }, kitchen: { max: 3, count: 3 } },
    });
    const withoutSeries = 5;
    assert.deepEqual(all.devices.temperature.names, ["7", "attic", "kitchen"]);
    assert.equal(all.devices.temperature.next, null);
    const first = await compute("by=device&limit=2");
    assert.deepEqual(first.devices.temperature, { names: ["7", "attic"], next: "attic", withoutSeries });
    const second = await compute("by=device&limit=2&after=attic");
    assert.deepEqual(second.devices.temperature, { names: ["kitchen"], next: null, withoutSeries });
    assert.deepEqual(second.result, { temperature: { kitchen: { max: 3, count: 3 } } });
  });

  test("the largest by the first metric, in the text, too", async () => {
    const { devices, text } = await compute("by=device&top=2");
    assert.deepEqual(devices.temperature.names, ["attic", "7"]);
    assert.match(text, /"temperature":\{"attic":\{"max":10,"count":1\},"7":/);
    const { devices: byCount } = await compute("by=device&top=1", { temperature: ["count", "max"] });
    assert.deepEqual(byCount.temperature.names, ["kitchen"]);
  });

  test("receipts name the devices and from when their series reach", async () => {
    const of = { counted: 1, late: 1, coverage: 0.1, since: null };
    const one = await compute("device=attic&receipt=true");
    assert.deepEqual(one.receipt.sensors.temperature.ofDevices, { attic: of });
    const { receipt } = await compute("by=device&receipt=true");
    assert.deepEqual(Object.keys(receipt.sensors.temperature.ofDevices), ["7", "attic", "kitchen"]);
    assert.deepEqual(receipt.sensors.temperature.ofDevices.attic, of);
    assert.equal((await compute("receipt=true")).receipt.sensors.temperature.ofDevices, undefined);
  });

  for (const query of ["by=device&device=a", "limit=1", "top=1", "after=a", "by=device&top=1&limit=1", "by=boot"]) {
    test(`contradictions are refused: ${query}`, async () => {
      const { errors } = await compute(query, undefined, 400);
      assert.match(errors[0], /expected|must be/);
      await get(`/series?sensor=temperature&${query}`, 400);
    });
  }

  test("series of a device, of each, and of the largest, in every format", async () => {
    const window = `from=${NOON}&toExclusive=${NOON + 4000}&every=2s&metrics=max,count`;
    const one = (await get(`/series?sensor=temperature&device=kitchen&${window}`)).json();
    assert.deepEqual(one.series, { temperature: { max: [1, 3], count: [1, 2] } });
    const all = (await get(`/series?sensor=temperature&by=device&limit=2&${window}`)).json();
    assert.deepEqual(Object.keys(all.series.temperature), ["7", "attic"]);
    assert.deepEqual(all.series.temperature.attic, { max: [10, null], count: [1, 0] });
    assert.equal(all.devices.temperature.next, "attic");
    const top = (await get(`/series?sensor=temperature&by=device&top=1&${window}`)).json();
    assert.deepEqual(Object.keys(top.series.temperature), ["attic"]);
    const csv = (await get(`/series?sensor=temperature&by=device&top=2&format=csv&${window}`)).body.split("\n");
    assert.equal(
      csv[0],
      "from,toExclusive,temperature.attic.max,temperature.attic.count,temperature.7.max,temperature.7.count",
    );
    assert.match(csv[1], /,10,1,5,1$/);
    const lines = (await get(`/series?sensor=temperature&by=device&top=1&format=ndjson&${window}`)).body.split("\n");
    assert.deepEqual(JSON.parse(lines[1]).temperature, { attic: { max: null, count: 0 } });
    assert.equal((await get(`/series?sensor=temperature&device=zoo&${window}`, 404)).json().code, "no-device-series");
  });

  test("the list by name and by any number, in parts, with what is odd", async () => {
    const list = async (query: string) => (await get(`/devices?sensor=temperature&${query}`)).json();
    const names = (items: readonly { device: string }[]) => items.map(({ device }) => device);
    const all = await list("");
    assert.deepEqual(names(all.items), ["", "7", "attic", "kitchen", "zoo"]);
    assert.equal(all.devices, 5);
    assert.deepEqual(
      all.items.map(({ hasSeries }: { hasSeries: boolean }) => hasSeries),
      [false, true, true, true, false],
    );
    const { items } = await list("sort=readings&limit=1");
    assert.deepEqual([items[0].device, items[0].readings, items[0].lastValue, items[0].late], ["kitchen", 3, 3, 0]);
    const sorted: string[] = [];
    for (let next: string | null = null; ; ) {
      const part = await list(`sort=lastValue&limit=2${next === null ? "" : `&after=${next}`}`);
      sorted.push(...names(part.items));
      next = part.next;
      if (next === null) break;
    }
    assert.deepEqual(sorted, ["", "zoo", "attic", "7", "kitchen"]);
    const parts = await list("limit=3");
    assert.equal(parts.next, "attic");
    assert.deepEqual(names((await list("limit=3&after=attic")).items), ["kitchen", "zoo"]);
    assert.equal((await get("/devices?sensor=nothing", 404)).json().code, "not-found");
  });
});
