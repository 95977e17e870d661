/** `asOf` per device: every answer that was given right after a commit is given again as of its moment, byte for byte, whatever came since. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { EVER, NOW, type Running, reading, withPipeline } from "../pipeline/running.ts";
import { openFixture } from "./fixture.ts";

const METRICS = ["count", "mean", "p50", "rate", "last", "max"];
const WINDOWS = [{}, { from: NOW - 1_200_000, to: NOW }];
const DEVICES = ["first", "b", "c", "d", "e", "f"];
const BOUNDS = { deviceSeries: 4, commitSliceMs: 0 };
const SAID = { by: "test", reason: "a test" };

/** Questions per device, with what each is asked as of appended to its address. */
const QUESTIONS = [
  ...["by=device", "by=device&top=2", "by=device&limit=2", "by=device&limit=2&after=b"],
  ...DEVICES.map((device) => `device=${device}`),
].flatMap((query) => [
  ...WINDOWS.map((window) => ({
    method: "POST" as const,
    url: `/compute/metrics?${query}`,
    payload: { temperature: METRICS, ...window },
  })),
  { method: "GET" as const, url: `/series?sensor=temperature&metrics=count,max&every=10m&from=2026-05-01&${query}` },
]);

interface Told {
  readonly moment: number;
  readonly answers: readonly { readonly status: number; readonly body: string }[];
}

/** A server over the pipeline as it is now: a restart makes another. */
async function served(running: Running) {
  const { server, app } = await openFixture({ engine: running.pipeline, clock: running.clock });
  const ask = async (asOf?: number) => {
    const more = asOf === undefined ? "" : `&asOf=${asOf}`;
    const answers = [];
    for (const { url, ...question } of QUESTIONS) {
      const { statusCode: status, body } = await app.inject({ ...question, url: url + more });
      answers.push({ status, body });
    }
    return answers;
  };
  return { app, ask, close: () => server.close() };
}

type Served = Awaited<ReturnType<typeof served>>;

/** Asks all that was told again. */
async function compare({ ask }: Served, told: Told, note: string): Promise<void> {
  const answers = await ask(told.moment);
  for (const [i, then] of told.answers.entries()) {
    const place = `${QUESTIONS[i].url} ${JSON.stringify(QUESTIONS[i])}, as of ${told.moment}, ${note}`;
    assert.equal(answers[i].status, then.status, `${place}: ${answers[i].body}`);
    // What is refused says of another moment why.
    if (then.status === 200) assert.equal(answers[i].body, then.body, place);
  }
}

for (const seed of [1, 2]) {
  test(`what was answered of devices is answered again as of then: seed ${seed}`, (context) =>
    withPipeline({ bounds: BOUNDS }, async (running) => {
      const random = new Random(seed * 7);
      const { clock } = running;
      const sequences = new Map<string, number>();
      const told: Told[] = [];
      const corrections: number[] = [];
      let server = await served(running);
      const next = (device: string, time: number) => {
        const sequence = (sequences.get(device) ?? 0) + 1;
        sequences.set(device, sequence);
        return reading(device, sequence, time, random.integer(0, 99) / 4);
      };
      const pickTold = () => random.pick(told);
      for (let round = 0; round < 14; round++) {
        // The first device is alone for a while.
        const known = round < 4 ? 1 : Math.min(DEVICES.length, round - 2);
        clock.advance(30_000);
        const readings = Array.from({ length: random.integer(1, 60) }, () => {
          const back = random.chance(0.2) ? random.integer(0, 2_000_000) : random.integer(0, 30_000);
          return next(DEVICES[random.integer(0, known - 1)], clock.now() - back);
        });
        // The host's clock does not reach it: held back.
        if (random.chance(0.3)) readings.push(next(DEVICES[random.integer(0, known - 1)], clock.now() + 900_000));
        await running.send(...readings);
        if (random.chance(0.3)) {
          const ids = running.pipeline.listQuarantine({ limit: 100 }).items.map(({ id }) => id);
          await running.pipeline.releaseQuarantine(ids);
        }
        if (round > 5 && random.chance(0.4)) {
          const start = Math.floor(clock.now() / 1000) - random.integer(0, 2000);
          const device = random.chance(0.6) ? DEVICES[random.integer(0, 3)] : null;
          const asked = { sensor: "temperature", device, window: { start, end: start + 300 } };
          await running.pipeline.corrections.delete(asked, SAID).then(
            ({ number }) => corrections.push(number),
            (error: { code: string }) =>
              assert.ok(["no-device-series", "correction-refused"].includes(error.code), `${error}`),
          );
        } else if (corrections.length > 0 && random.chance(0.5)) {
          await running.pipeline.corrections.undo(corrections.pop() ?? 0, "test").catch((error: { code: string }) => {
            assert.equal(error.code, "correction-refused");
          });
        }
        // What is committed, what waits, and what is being committed.
        if (told.length > 0) await compare(server, pickTold(), `round ${round}, before the commit`);
        const committing = running.pipeline.releaseQuarantine([]);
        // As of now, in the middle: what the header says is answered the same afterwards.
        const { app } = server;
        const asked = { method: "POST" as const, payload: { temperature: ["count", "last"] } };
        const middle = await app.inject({ ...asked, url: "/compute/metrics?by=device&asOf=now" });
        if (told.length > 0) await compare(server, pickTold(), `round ${round}, while it is committed`);
        await committing;
        if (middle.statusCode === 200) {
          clock.advance(1000);
          const url = `/compute/metrics?by=device&asOf=${middle.headers["tidemark-as-of"]}`;
          assert.equal(
            (await app.inject({ ...asked, url })).body,
            middle.body,
            `round ${round}, as of a commit's middle`,
          );
        }
        clock.advance(10);
        const answers = await server.ask();
        told.push({ moment: clock.now(), answers });
        clock.advance(10);
        assert.deepEqual(await server.ask(told[told.length - 1].moment), answers);
        if (random.chance(0.25)) {
          await server.close();
          await running.reopen();
          server = await served(running);
        }
      }
      for (const then of told) await compare(server, then, "at the end");
      await server.close();
      const given = told.flatMap(({ answers }) => answers).filter(({ status }) => status === 200).length;
      context.diagnostic(`${told.length} commits, ${given} answers, ${corrections.length} deletions left`);
      assert.ok(given > 150);
    }));
}

/** Commits whatever waits. @returns the revision */
async function commit({ pipeline, clock }: Running): Promise<number> {
  clock.advance(1000);
  await pipeline.releaseQuarantine([]);
  return pipeline.asOf(clock.now()).revision;
}

const countAt = ({ pipeline }: Running, revision: number, device: string): number =>
  pipeline.asOf(revision).query("temperature", EVER, ALL_NEEDS, device).aggregate.count;

test("a receipt says of each device what changed since, also of one whose series was the sensor's then", () =>
  withPipeline({}, async (running) => {
    const { clock } = running;
    await running.send(reading("a", 1, NOW, 1), reading("a", 2, NOW + 1000, 2));
    const alone = await commit(running);
    await running.send(reading("a", 3, NOW - 300_000, 3));
    await commit(running);
    await running.send(
      reading("a", 4, NOW + 2000, 3),
      reading("b", 1, NOW + 2000, 5),
      reading("b", 2, NOW - 300_000, 5),
    );
    const { app, close } = await served(running);
    const window = { from: NOW - 3_600_000, toExclusive: NOW + 2000 };
    const changed = async (query: string) => {
      const url = `/compute/metrics?receipt=true&asOf=${alone}&${query}`;
      const response = await app.inject({ method: "POST", url, payload: { temperature: ["count"], ...window } });
      assert.equal(response.statusCode, 200, response.body);
      const { ofDevices, changedSince } = response.json().receipt.sensors.temperature;
      const by = ({ by: causes }: { by: { cause: string; readings: number; seconds: number }[] }) =>
        causes.map(({ cause, readings, seconds }) => `${cause} ${readings} in ${seconds}`);
      return [
        by(changedSince),
        Object.fromEntries(
          Object.entries(ofDevices).map(([name, its]) => [name, by((its as { changedSince: never }).changedSince)]),
        ),
      ];
    };
    const expected = { a: ["late 1 in 1"] };
    // Before and after the fork is committed, and after a commit more.
    for (let round = 0; round < 3; round++) {
      const ofSensor = ["late 2 in 1"];
      assert.deepEqual(await changed("device=a"), [ofSensor, expected], `round ${round}`);
      assert.deepEqual(await changed("by=device"), [ofSensor, expected], `round ${round}`);
      await commit(running);
    }
    assert.deepEqual([countAt(running, alone, "a"), countAt(running, clock.now(), "a")], [2, 4]);
    // What had been held back, of the device that was told of before and of one that was not.
    await running.send(reading("a", 5, NOW + 600_000), reading("b", 3, NOW + 600_000));
    const held = await commit(running);
    const ids = running.pipeline.listQuarantine({ limit: 10 }).items.map(({ id }) => id);
    assert.equal(await running.pipeline.releaseQuarantine(ids), 2);
    for (const device of ["a", "b"]) {
      const { by } = running.pipeline.asOf(held).revised("temperature", EVER, device);
      assert.deepEqual(
        by.map(({ cause, readings }) => [cause, readings]),
        [["released", 1]],
      );
    }
    await close();
  }));

test("a device that had no series yet is refused as then; one that was first heard of later is not among all", () =>
  withPipeline({ bounds: BOUNDS }, async (running) => {
    const { pipeline } = running;
    await running.send(reading("a", 1, NOW), reading("b", 1, NOW));
    const before = await commit(running);
    await running.send(...["c", "d", "e"].map((device) => reading(device, 1, NOW)));
    const after = await commit(running);
    assert.deepEqual([countAt(running, before, "a"), countAt(running, after, "c")], [1, 1]);
    assert.throws(() => countAt(running, before, "c"), {
      code: "no-device-series",
      message: /it had no series of its own then/,
    });
    assert.throws(() => countAt(running, after, "e"), { code: "no-device-series", message: /4 devices of a sensor/ });
    const [then, now] = [before, after].map((revision) => pipeline.asOf(revision).devices("temperature"));
    assert.deepEqual([then.withoutSeries, now.withoutSeries], [0, 1]);
    assert.deepEqual(
      [then.hadSeries("a"), then.hadSeries("c"), now.hadSeries("c"), now.hadSeries("e")],
      [true, false, true, false],
    );
  }));

test("what --keep deleted since is refused of devices, too", () =>
  withPipeline({ keepMs: 10 * 86_400_000 }, async (running) => {
    const { pipeline, clock } = running;
    const day = 86_400_000;
    await running.send(
      ...[8, 3, 1].flatMap((days) => ["a", "b"].map((device) => reading(device, 9 - days, NOW - days * day))),
    );
    const before = await commit(running);
    clock.advance(5 * day);
    await running.send(reading("a", 100, clock.now()));
    await commit(running);
    clock.advance(3_600_000);
    await running.send(reading("a", 101, clock.now()));
    await commit(running);
    const { keptSince } = pipeline.status("temperature");
    assert.ok(keptSince !== null);
    assert.throws(() => countAt(running, before, "b"), { code: "revision-gone", message: /were deleted \(--keep\)/ });
    const kept = { start: keptSince / 1000, end: EVER.end };
    assert.equal(pipeline.asOf(before).query("temperature", kept, ALL_NEEDS, "b").aggregate.count, 2);
    const { firstTime } = pipeline.asOf(before).span("temperature", "b");
    assert.ok(firstTime !== null && firstTime < keptSince);
  }));

test("notes of devices leave those of sensors half of the room; where they do not reach is refused, and sensors are answered", () =>
  withPipeline({}, async (running) => {
    const { state, clock } = running;
    state.history.revisions.start({ clock, bytesMax: 40_000 });
    const told: [revision: number, counts: readonly number[]][] = [];
    const devices = Array.from({ length: 40 }, (_, i) => `d${i}`);
    for (let round = 0; round < 120; round++) {
      await running.send(...devices.map((device) => reading(device, round + 1, clock.now(), round)));
      told.push([await commit(running), [round + 1, 40 * (round + 1)]]);
      clock.advance(29_000);
    }
    const { revisions } = state.history;
    assert.ok(revisions.bytes <= 50_000, `${revisions.bytes} bytes`);
    const countOf = (revision: number) =>
      running.pipeline.asOf(revision).query("temperature", EVER, ALL_NEEDS).aggregate.count;
    const ask = (revision: number): number | null => {
      try {
        return countAt(running, revision, "d7");
      } catch (error) {
        assert.match(`${error}`, /Cannot answer for devices as of .*: expected a moment from /);
        return null;
      }
    };
    const check = () => {
      const gone = told.filter(([revision]) => ask(revision) === null).length;
      for (const [i, [revision, counts]] of told.entries()) {
        assert.equal(countOf(revision), counts[1]);
        assert.equal(ask(revision), i < gone ? null : counts[0]);
      }
      return gone;
    };
    const gone = check();
    assert.ok(gone > 20 && gone < 110, `${gone} of 120 are gone of devices`);
    await running.reopen();
    running.state.history.revisions.start({ clock, bytesMax: 40_000 });
    assert.equal(check(), gone);
  }));

test("series that were turned off leave no notes behind, and those that begin later begin then", () =>
  withPipeline({ bounds: BOUNDS }, async (running) => {
    await running.send(reading("a", 1, NOW), reading("b", 1, NOW));
    const before = await commit(running);
    const count = (table: string, where: string) =>
      running.db.prepare(`SELECT count(*) AS n FROM ${table} WHERE ${where}`).get()?.n;
    await running.send(reading("a", 9, NOW), reading("b", 9, NOW));
    await commit(running);
    assert.notEqual(count("revision_note", "era<0"), 0);
    await running.reopen({}, undefined, { deviceSeries: 0 });
    for (const table of ["revision_note", "revision_range", "revision_era"])
      assert.equal(count(table, "era<0"), 0, table);
    assert.equal(count("device_series_revision", "1"), 0);
    await running.reopen({}, undefined, BOUNDS);
    await running.send(reading("a", 2, NOW + 1000), reading("b", 2, NOW));
    const after = await commit(running);
    assert.throws(() => countAt(running, before, "a"), { code: "no-device-series" });
    assert.equal(countAt(running, after, "a"), 1);
  }));
