/** Rules and alerts over HTTP, on a real server: put, judged, taken back, tried, deleted; and who may. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { startServer } from "./server.ts";

const WARM = { sensor: "attic", metric: "max", window: "10s", above: 30, until: 28, every: "5s" };

test("an alert is raised, taken back when late data shows that it was wrong, and raised with its true time when it was missed", async (t) => {
  const { ask, send, clock, until, notices, restart } = await startServer(t, undefined);
  await send("attic", [1, 20], [2, 20]);
  const put = await ask("/alerts/rules/low", "PUT", {
    ...WARM,
    metric: "mean",
    above: undefined,
    until: undefined,
    below: 15,
  });
  assert.equal(put.status, 200);
  assert.deepEqual([put.body.begin, put.body.configured, put.body.on], ["2026-05-01T12:00:00.000Z", false, 0]);
  await ask("/alerts/rules/warm", "PUT", WARM);

  await send("attic", [21, 10], [22, 10]);
  clock.advance(40_000);
  const items = async () => (await ask("/alerts")).body.items;
  const [low] = await until(items, (found) => found.length === 1);
  assert.deepEqual([low.rule, low.state, low.from, low.value], ["low", "on", "2026-05-01T12:00:25.000Z", 10]);

  // The mean was no 10: what came late says so. And it had been too warm.
  await send("attic", [23, 40], [24, 40]);
  const [warm, taken] = await until(items, (found) => found.length === 2 && found[1].state === "taken-back");
  assert.deepEqual([taken.id, taken.ended, taken.revision], [low.id, null, 2]);
  assert.deepEqual(
    [warm.rule, warm.from, warm.raised],
    ["warm", "2026-05-01T12:00:25.000Z", "2026-05-01T12:00:25.000Z"],
  );
  assert.equal(warm.ended, null, "nothing is known of later");
  assert.match(
    notices.join("\n"),
    /alert low of attic raised: since 2026-05-01T12:00:25.000Z, at 10\n.*alert low of attic taken-back/s,
  );

  await restart();
  assert.deepEqual(await items(), [warm, taken]);
  await send("attic", [50, 20]);
  clock.advance(30_000);
  const ended = await until(items, (found) => found[0].state === "ended");
  assert.equal(ended[0].ended, "2026-05-01T12:00:55.000Z");
  assert.deepEqual((await ask("/alerts?state=taken-back")).body.items, [taken]);
  const first = (await ask("/alerts?limit=1")).body;
  assert.deepEqual([first.items.length, (await ask(`/alerts?after=${first.next}`)).body.items[0].id], [1, taken.id]);
});

test("a rule that is changed or deleted ends what it raised", async (t) => {
  const { ask, send, clock, until } = await startServer(t, undefined);
  await ask("/alerts/rules/warm", "PUT", WARM);
  await send("attic", [1, 40]);
  clock.advance(20_000);
  const items = async () => (await ask("/alerts?rule=warm")).body.items;
  const [first] = await until(items, (found) => found.length === 1);
  const same = (await ask("/alerts/rules/warm", "PUT", { ...WARM, text: "open a window" })).body;
  assert.deepEqual([same.version, same.begin], [first.version, "2026-05-01T12:00:00.000Z"]);
  assert.equal((await items())[0].state, "on");
  const other = (await ask("/alerts/rules/warm", "PUT", { ...WARM, above: 31 })).body;
  assert.notEqual(other.version, first.version);
  assert.deepEqual([(await items())[0].state, (await items())[0].reason], ["ended", "rule-changed"]);
  assert.deepEqual((await ask("/alerts/rules/warm", "DELETE")).body, { deleted: true });
  assert.equal((await ask("/alerts/rules/warm")).status, 404);
  assert.equal((await ask("/alerts/rules/warm", "DELETE")).status, 404);
});

test("rules of the configuration are judged, and changed only there", async (t) => {
  const rules = { silent: { sensor: "*", noDataFor: "1m", text: "call somebody" } };
  const { ask, send, clock, until } = await startServer(t, { rules });
  await send("attic", [1, 20]);
  clock.advance(75_000);
  const found = await until(
    async () => (await ask("/alerts")).body.items,
    (items) => items.length === 1,
  );
  assert.equal(found[0].from, "2026-05-01T12:01:10.000Z");
  const refused = await ask("/alerts/rules/silent", "PUT", WARM);
  assert.equal(refused.status, 400);
  assert.match(refused.body.detail, /expected a rule of the API, it is in tidemark.config.json/);
  assert.equal((await ask("/alerts/rules")).body.items[0].configured, true);
});

test("a rule that cannot be is refused, and says why", async (t) => {
  const { ask } = await startServer(t, undefined);
  for (const [change, expected] of [
    [{ metric: "avarage" }, /"r\/metric" of the rule: expected a metric.*did you mean average\?/],
    [{ windw: "5m" }, /must not have "windw"/],
    [{ above: undefined }, /either above or below, or noDataFor/],
    [{ below: 3 }, /either above or below/],
    [{ until: 31 }, /"r\/until".*at most 30/],
    [{ window: "1x" }, /window must be such as "90s" or "5m" or "12h" or "7d", was "1x"/],
    [{ window: "0s" }, /"r\/window".*a duration of whole seconds/],
    [{ every: "1s", window: "2h" }, /"r\/every".*2s to 1d/],
    [{ for: "6h" }, /"r\/for".*at most 3600 times every/],
    [{ per: "1h" }, /against: "before" with it/],
    [{ to: ["nobody"] }, /the configuration has no alerts\/targets/],
    [{ sensor: "a b" }, /a sensor name/],
    [{ from: "now-1d" }, /none from now/],
    [{ noDataFor: "5m" }, /nothing beside noDataFor/],
  ] as const) {
    const { status, body } = await ask("/alerts/rules/r", "PUT", { ...WARM, ...change });
    assert.equal(status, 400, JSON.stringify(change));
    assert.match(body.detail, expected);
  }
  assert.match((await ask("/alerts/rules/-a", "PUT", WARM)).body.detail, /a name of 1 to 100 characters/);
  assert.deepEqual((await ask("/alerts/rules")).body.items, []);
});

test("a rule is tried on the past, and nothing of it is kept", async (t) => {
  const { ask, send, clock } = await startServer(t, undefined);
  await send("attic", [1, 40], [60, 20], [120, 40]);
  clock.advance(300_000);
  const from = "2026-05-01 12:00";
  const { body } = await ask("/alerts/try", "POST", { rule: WARM, from, to: "2026-05-01 12:04" });
  assert.deepEqual(
    body.alerts.map(({ from, ended, value }: Record<string, unknown>) => [from, ended, value]),
    [
      ["2026-05-01T12:00:05.000Z", "2026-05-01T12:01:05.000Z", 40],
      ["2026-05-01T12:02:05.000Z", null, 40],
    ],
  );
  assert.deepEqual((await ask("/alerts")).body.items, []);
  const much = await ask("/alerts/try", "POST", { rule: { ...WARM, every: "1s" }, from: "2025-01-01" });
  assert.match(much.body.detail, /at most 500000 instants/);
});

test("the rules of docs/ALERTS.md work as they stand, and what it says is told is told so", async (t) => {
  const text = readFileSync(new URL("../../docs/ALERTS.md", import.meta.url), "utf8");
  const [file, event] = [...text.matchAll(/```json\n(.*?)```/gs)].map(([, json]) => JSON.parse(json));
  const { ask, send, clock, until, notices } = await startServer(t, { rules: file.alerts.rules });
  const names = Object.keys(file.alerts.rules).sort();
  assert.deepEqual(
    (await ask("/alerts/rules")).body.items.map(({ name }: { name: string }) => name),
    names,
  );
  await send("garden", [1, 1], [300, 1]);
  clock.advance(400_000);
  const [frost] = await until(
    async () => (await ask("/alerts")).body.items,
    (items) => items.length === 1,
  );
  assert.deepEqual(Object.keys(event.alert), Object.keys(frost));
  await until(
    async () => notices,
    (lines) => lines.some((line) => line.includes("alert frost of garden raised")),
  );
});

test("targets that cannot be are refused at the start, and no secret is shown", async (t) => {
  const secret = "0123456789-not-shown";
  for (const [target, expected] of [
    [{ webhook: "https://a.example/x" }, /alerts\/targets\/ops".*secret or secretFile/],
    [{ webhook: "ftp://a.example", secret }, /an address of http or https/],
    [{ webhook: "https://a.example", secret: "short" }, /at least 16 bytes/],
    [{ webhook: "https://a.example", secert: secret }, /the keys webhook, secret.*did you mean secret\?/],
    [{ mqtt: "http://a" }, /"alerts\/targets\/ops\/mqtt\/url".*mqtt:\/\/host:port/],
    [{ mqtt: true }, /the configuration has no mqtt/],
    [{ mqtt: "mqtt://a", topic: "a/#" }, /a topic without/],
    [{ slack: "x" }, /"webhook":"https/],
  ] as const) {
    const starting = startServer(t, { targets: { ops: target } });
    await assert.rejects(
      starting,
      (error: Error) => expected.test(error.message) && !error.message.includes(secret),
      String(expected),
    );
  }
});

test("each device is judged by itself where a rule says so", async (t) => {
  const { ask, send, clock, until } = await startServer(t, undefined);
  await ask("/alerts/rules/warm", "PUT", { ...WARM, device: ["a*", "c"] });
  await send("attic", [1, 40, "a1"], [2, 40, "b"], [3, 20, "c"], [3, 50, "a2"]);
  clock.advance(20_000);
  const items = await until(
    async () => (await ask("/alerts")).body.items,
    (found) => found.length === 2,
  );
  assert.deepEqual(items.map(({ device, value }: Record<string, unknown>) => [device, value]).sort(), [
    ["a1", 40],
    ["a2", 50],
  ]);
  const rule = { ...WARM, device: "*" };
  const { body } = await ask("/alerts/try", "POST", { rule, from: "2026-05-01 12:00" });
  assert.deepEqual(body.alerts.map(({ device }: Record<string, unknown>) => device).sort(), ["a1", "a2", "b"]);
});

test("the live stream has each event, and how many there were", async (t) => {
  const { app, ask, send, clock } = await startServer(t, undefined);
  await ask("/alerts/rules/warm", "PUT", WARM);
  await send("attic", [1, 40]);
  const end = new AbortController();
  const stream = await fetch(`http://127.0.0.1:${app.port}/live`, { signal: end.signal });
  clock.advance(20_000);
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream.body ?? assert.fail()) {
    text += decoder.decode(chunk, { stream: true });
    if (/event: alert\n/.test(text) && /"alerts":\{"on":1,"told":1\}/.test(text)) break;
  }
  end.abort();
  const [, data] = /event: alert\ndata: (.*)\n\n/.exec(text) ?? assert.fail(text);
  const { kind, alert } = JSON.parse(data);
  assert.deepEqual([kind, alert], ["raised", (await ask("/alerts")).body.items[0]]);
});

test("what was found goes with a sensor that is renamed, or ends with its name", async (t) => {
  const { ask, send, clock, until } = await startServer(t, undefined);
  await ask("/alerts/rules/all", "PUT", { ...WARM, sensor: "*" });
  await ask("/alerts/rules/attic", "PUT", WARM);
  await send("attic", [1, 40]);
  clock.advance(20_000);
  const items = async () => (await ask("/alerts")).body.items;
  const before = await until(items, (found) => found.length === 2);
  await ask("/alerts/rules/loft", "PUT", { ...WARM, sensor: "loft", from: "2026-05-01T12:00:00Z" });
  const renamed = await ask("/corrections/rename", "POST", { sensor: "attic", to: "loft" });
  assert.equal(renamed.status, 200, JSON.stringify(renamed.body));
  const found = await until(items, (all) => all.length === 3);
  const of = (rule: string) => found.find((alert: { rule: string }) => alert.rule === rule);
  assert.deepEqual(
    [of("all").sensor, of("all").state, of("all").id],
    ["loft", "on", before.find(({ rule }: { rule: string }) => rule === "all").id],
  );
  assert.deepEqual([of("attic").sensor, of("attic").state, of("attic").reason], ["attic", "ended", "sensor-renamed"]);
  assert.deepEqual([of("loft").sensor, of("loft").state, of("loft").from], ["loft", "on", of("all").from]);
});

test("readings that are deleted take alerts back, and an undo raises them again", async (t) => {
  const { ask, send, clock, until } = await startServer(t, undefined);
  await ask("/alerts/rules/warm", "PUT", WARM);
  await ask("/alerts/rules/silent", "PUT", { sensor: "attic", noDataFor: "15s", every: "5s" });
  await send("attic", [1, 40], [30, 20], [31, 20]);
  clock.advance(60_000);
  const states = async () =>
    (await ask("/alerts")).body.items.map(({ rule, state }: Record<string, string>) => `${rule} ${state}`).sort();
  const isSo = (wanted: readonly string[]) => (found: readonly string[]) => found.join() === wanted.join();
  await until(states, isSo(["silent ended", "silent on", "warm ended"]));
  const deletion = { sensor: "attic", from: "2026-05-01 12:00:00", to: "2026-05-01 12:00:10" };
  const deleted = await ask("/corrections/delete", "POST", { ...deletion, reason: "stood in the sun" });
  assert.equal(deleted.status, 200, JSON.stringify(deleted.body));
  // Before its first reading, which is another one now, it was not silent either.
  await until(states, isSo(["silent on", "silent taken-back", "warm taken-back"]));
  const undone = await ask("/corrections/undo", "POST", { number: 1 });
  assert.equal(undone.status, 200, JSON.stringify(undone.body));
  await until(states, isSo(["silent ended", "silent on", "warm ended"]));
});

test("a device whose readings are all deleted was never silent", async (t) => {
  const { ask, send, clock, until } = await startServer(t, undefined);
  const rule = { sensor: "attic", device: "*", noDataFor: "15s", every: "5s", from: "2026-05-01T12:00:00Z" };
  await ask("/alerts/rules/silent", "PUT", rule);
  await send("attic", [1, 20, "a"], [55, 20, "a"], [30, 20, "b"]);
  clock.advance(70_000);
  const found = async () =>
    (await ask("/alerts")).body.items
      .map(({ device, state }: Record<string, string>) => `${device} ${state}`)
      .sort()
      .join();
  await until(found, (all) => all === "a ended,b on");
  const deletion = { sensor: "attic", device: "b", from: "2026-05-01 12:00:30", to: "2026-05-01 12:00:30" };
  const deleted = await ask("/corrections/delete", "POST", deletion);
  assert.equal(deleted.status, 200, JSON.stringify(deleted.body));
  await until(found, (all) => all === "a ended,b taken-back");
  await ask("/corrections/undo", "POST", { number: 1 });
  await until(found, (all) => all === "a ended,b on");
});
