/**
 * What a history answers is a function of the readings that came and the corrections that were made, when each was: not of crashes, of
 * restarts, or of being made anew from the log. Compared with a list of readings that is gone through one by one.
 */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Core, openCore } from "../../src/app.ts";
import { loadConfig } from "../../src/config/config.ts";
import { TidemarkError } from "../../src/core/errors.ts";
import { Random } from "../../src/core/random.ts";
import { type Aggregate, ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { findMetric } from "../../src/metrics/registry.ts";
import { verified } from "../verify/made.ts";

const SENSOR = "temperature";
/** Its seconds begin a page. */
const START = 1_700_000_400;
const SAID = { by: "anna", reason: "the sensor stood in the sun" };

interface Sent {
  readonly device: string;
  readonly sequence: number;
  readonly time: number;
  readonly value: number;
}

interface Deleted {
  readonly device: string | null;
  readonly start: number;
  readonly end: number;
  /** Records that had been sent when it was made. */
  readonly before: number;
  readonly number: number;
  isUndone: boolean;
}

/** What must be there, by the rule itself. */
class Witness {
  readonly sent: Sent[] = [];
  readonly deleted: Deleted[] = [];
  /** What the sensor is and was called, and the renamings that hold: the newest first. */
  readonly names = [SENSOR];
  readonly renamed: number[] = [];

  /** The first of each identity, with its place in the log. */
  counted(): (Sent & { readonly at: number })[] {
    const seen = new Set<string>();
    return this.sent.flatMap((reading, at) => {
      const identity = `${reading.device} ${reading.sequence}`;
      if (seen.has(identity)) return [];
      seen.add(identity);
      return [{ ...reading, at }];
    });
  }

  isDeleted({ device, time, at }: Sent & { readonly at: number }): boolean {
    const second = Math.floor(time / 1000);
    return this.deleted.some(({ device: only, start, end, before, isUndone }) => {
      return !isUndone && at < before && second >= start && second < end && (only === null || only === device);
    });
  }
}

async function opened(directory: string): Promise<Core> {
  const { invocation } = loadConfig(["serve", "--sensors", SENSOR, "--timezone", "UTC"], {}, "/");
  if (invocation.command !== "serve") throw new Error("not serve");
  return await openCore({ ...invocation.config, data: directory });
}

/** Resolves when all that was sent is taken in. */
async function settled({ engine }: Core, received: number): Promise<void> {
  if (engine.status(SENSOR).totals.received === received) return;
  await new Promise<void>((resolve) => {
    const stop = engine.onChange(() => {
      if (engine.status(SENSOR).totals.received < received) return;
      stop();
      resolve();
    });
  });
}

function check({ engine }: Core, witness: Witness, random: Random, when: string): void {
  const counted = witness.counted();
  const kept = counted.filter((reading) => !witness.isDeleted(reading));
  assert.deepEqual(
    engine.sensors.list().map(({ name }) => name),
    [witness.names[0]],
    when,
  );
  const name = random.pick(witness.names);
  const { totals, firstTime, lastTime, lastValue } = engine.status(name);
  assert.equal(totals.received, witness.sent.length, when);
  assert.equal(totals.counted, counted.length, when);
  assert.equal(totals.deleted, counted.length - kept.length, when);
  assert.equal(totals.received, totals.counted + totals.duplicates + totals.quarantined + totals.rejected, when);
  const byTime = kept.toSorted((a, b) => a.time - b.time || a.value - b.value);
  assert.deepEqual(
    [firstTime, lastTime, lastValue],
    [byTime.at(0)?.time ?? null, byTime.at(-1)?.time ?? null, byTime.at(-1)?.value ?? null],
    when,
  );
  const windows = Array.from({ length: 12 }, () => {
    const start = START + random.integer(-100, 9000);
    return { start, end: start + random.pick([1, 60, 600, 3600, 20_000]) };
  });
  for (const { start, end } of [{ start: START - 100, end: START + 40_000 }, ...windows]) {
    const all = byTime.filter(({ time }) => time >= start * 1000 && time < end * 1000);
    const where = `${when}: [${start}, ${end})`;
    compare(engine.query(name, { start, end }, ALL_NEEDS).aggregate, all, where);
    const device = random.pick(["a", "b", "c"]);
    const own = all.filter((reading) => reading.device === device);
    const status = engine.device(name, device);
    if (status === null || status.readings === 0 || !status.hasSeries) assert.equal(own.length, 0, where);
    else compare(engine.query(name, { start, end }, ALL_NEEDS, device).aggregate, own, `${where} of ${device}`);
  }
  for (const device of ["a", "b", "c"]) {
    const status = engine.device(name, device);
    const own = byTime.filter((reading) => reading.device === device);
    assert.equal(status?.readings ?? 0, counted.filter((reading) => reading.device === device).length, when);
    assert.deepEqual(
      [status?.firstTime ?? null, status?.lastTime ?? null],
      [own.at(0)?.time ?? null, own.at(-1)?.time ?? null],
      `${when}: ${device}`,
    );
  }
}

function compare(aggregate: Aggregate, inside: readonly Sent[], where: string): void {
  const values = inside.map(({ value }) => value).sort((a, b) => a - b);
  assert.equal(aggregate.count, inside.length, where);
  assert.equal(aggregate.seconds, new Set(inside.map(({ time }) => Math.floor(time / 1000))).size, where);
  assert.equal(
    aggregate.sum(),
    values.reduce((sum, value) => sum + value, 0),
    where,
  );
  if (inside.length === 0) return;
  assert.deepEqual([aggregate.min, aggregate.max], [values[0], values.at(-1)], where);
  assert.deepEqual([aggregate.firstTime, aggregate.lastTime], [inside[0].time, inside.at(-1)?.time], where);
  const middle = (values[Math.floor((values.length - 1) / 2)] + values[Math.floor(values.length / 2)]) / 2;
  assert.equal(findMetric("median")?.read(aggregate, 1), middle, where);
}

for (let seed = 1; seed <= 3; seed++) {
  test(`corrections between readings, kills, restarts and histories made anew, seed ${seed}`, async () => {
    const random = new Random(seed);
    const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-corrections-"));
    let directory = join(root, "0");
    let core = await opened(directory);
    const witness = new Witness();
    const sequences = new Map<string, number>();
    let copies = 0;
    try {
      for (let step = 0; step < 25; step++) {
        const what =
          step === 0
            ? "send"
            : random.pick(["send", "send", "delete", "delete", "undo", "rename", "kill", "restart", "anew"]);
        if (what === "send") {
          const batch = Array.from({ length: random.integer(1, 300) }, () => {
            if (witness.sent.length > 0 && random.chance(0.2)) return random.pick(witness.sent);
            const device = random.pick(step < 6 ? ["a"] : ["a", "b", "c"]);
            const sequence = (sequences.get(device) ?? 0) + 1;
            sequences.set(device, sequence);
            const second = random.chance(0.4) ? random.integer(0, 3) * 700 : random.integer(0, 7200);
            const time = (START + second) * 1000 + random.integer(0, 999);
            return { device, sequence, time, value: random.integer(0, 1000) };
          });
          await core.log.append(
            core.engine.topicOf(random.pick(witness.names)),
            batch.map((reading) => ({ value: Buffer.from(JSON.stringify({ boot: "b", ...reading })) })),
          );
          witness.sent.push(...batch);
        } else if (what === "delete") {
          const start = START + random.integer(0, 7200);
          const window = { start, end: start + random.pick([1, 30, 600, 1200, 10_000]) };
          const expected = witness.counted().filter((reading) => !witness.isDeleted(reading));
          const device = random.chance(0.4) ? random.pick(["a", "b", "c"]) : null;
          const asked = { sensor: random.pick(witness.names), device, window };
          const preview = await core.engine.corrections.preview(asked);
          const { number, readings } = await core.engine.corrections.delete(asked, SAID);
          witness.deleted.push({ ...window, device, before: witness.sent.length, number, isUndone: false });
          const left = witness.counted().filter((reading) => !witness.isDeleted(reading));
          const gone = expected.length - left.length;
          assert.deepEqual([preview.readings, readings], [gone, gone]);
          assert.deepEqual([preview.before.count, preview.after.count], [expected.length, left.length]);
          assert.equal(
            preview.after.sum(),
            left.reduce((sum, { value }) => sum + value, 0),
          );
        } else if (what === "undo") {
          const active = witness.deleted.filter(({ isUndone }) => !isUndone);
          const [rename] = witness.renamed;
          if (rename !== undefined && random.chance(0.4)) {
            await core.engine.corrections.undo(rename, "bert");
            witness.renamed.shift();
            witness.names.shift();
          }
          if (active.length === 0) continue;
          const chosen = random.pick(active);
          const isUnderOther = active.some(({ number, device, start, end }) => {
            const isSame = start < chosen.end && chosen.start < end;
            return chosen.device === null && number > chosen.number && device !== null && isSame;
          });
          const undo = core.engine.corrections.undo(chosen.number, "bert");
          if (isUnderOther) await assert.rejects(undo, { code: "correction-refused", message: /undo that first/ });
          else {
            await undo;
            chosen.isUndone = true;
          }
        } else if (what === "rename") {
          const to = `name-${step}`;
          const { number, sensor } = await core.engine.corrections.rename(random.pick(witness.names), to, SAID);
          assert.equal(sensor, witness.names[0]);
          witness.renamed.unshift(number);
          witness.names.unshift(to);
        } else if (what === "kill") {
          // As a kill leaves it: what is on disk at one moment, uncommitted readings in the log only.
          const copy = join(root, String(++copies));
          cpSync(directory, copy, { recursive: true });
          await core.close();
          directory = copy;
          core = await opened(directory);
        } else {
          await core.close();
          if (what === "anew") {
            for (const name of ["db", "db-wal", "db-shm", "sums", "ends"])
              rmSync(join(directory, `history.${name}`), { force: true });
          }
          core = await opened(directory);
        }
        await settled(core, witness.sent.length);
        check(core, witness, random, `seed ${seed}, step ${step}, after ${what}`);
      }
      const deletions = core.engine.corrections.list().filter(({ kind }) => kind === "delete");
      assert.deepEqual(
        deletions.map(({ number, window, by, undone }) => [number, window?.start, window?.end, by, undone?.by]),
        witness.deleted.map((made) => [made.number, made.start, made.end, SAID.by, made.isUndone ? "bert" : undefined]),
      );
      await core.close();
      const { found, records } = await verified(directory);
      assert.deepEqual(found, [], `seed ${seed}: verify`);
      assert.equal(records, witness.sent.length);
    } finally {
      await core.close();
      rmSync(root, { recursive: true });
    }
  });
}

test("what cannot be corrected is refused by name, and nothing is remembered of it", async () => {
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-corrections-"));
  const core = await opened(directory);
  try {
    const { corrections } = core.engine;
    const window = { start: START, end: START + 1 };
    await assert.rejects(corrections.delete({ sensor: "attic", device: null, window }, SAID), { code: "not-found" });
    await assert.rejects(corrections.undo(1, "anna"), { code: "not-found" });
    await corrections.delete({ sensor: SENSOR, device: null, window }, SAID);
    await corrections.undo(1, "anna");
    await assert.rejects(
      corrections.undo(1, "anna"),
      (error) => error instanceof TidemarkError && error.code === "correction-refused",
    );
    assert.equal(corrections.list().length, 1);
    await corrections.rename(SENSOR, "attic", SAID);
    await corrections.rename("attic", "loft", SAID);
    for (const name of [SENSOR, "attic", "loft"]) {
      await assert.rejects(corrections.rename("loft", name, SAID), { code: "correction-refused" }, name);
    }
    await assert.rejects(corrections.rename("loft", "a b\n", SAID), { code: "request-invalid" });
    await assert.rejects(corrections.undo(2, "anna"), {
      code: "correction-refused",
      message: /is called "loft" since/,
    });
    assert.equal(corrections.list().length, 3);
  } finally {
    await core.close();
    rmSync(directory, { recursive: true });
  }
});

test("a correction that a kill left kept and not applied is applied before anything is read; a file that is lost is written again", async () => {
  const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-corrections-"));
  const file = (directory: string): string => join(root, directory, "history.corrections");
  const window = { start: START, end: START + 100 };
  const readings = Array.from({ length: 200 }, (_, i) => ({
    value: i,
    time: (START + i) * 1000,
    sequence: i,
    device: "d",
  }));
  let core = await opened(join(root, "a"));
  const counts = (): unknown[] => {
    const { totals } = core.engine.status(SENSOR);
    return [totals.counted, totals.deleted, core.engine.query(SENSOR, window, ALL_NEEDS).aggregate.count];
  };
  const send = async (): Promise<void> => {
    await core.log.append(
      SENSOR,
      readings.map((reading) => ({ value: Buffer.from(JSON.stringify(reading)) })),
    );
  };
  try {
    await send();
    await settled(core, 200);
    await core.close();
    // The history as it was before, and the file as it is once the deletion is kept: what a kill leaves between the two.
    cpSync(join(root, "a"), join(root, "b"), { recursive: true });
    core = await opened(join(root, "a"));
    await core.engine.corrections.delete({ sensor: SENSOR, device: null, window }, SAID);
    assert.deepEqual(counts(), [200, 100, 0]);
    await core.close();
    cpSync(file("a"), file("b"));
    core = await opened(join(root, "b"));
    assert.deepEqual(counts(), [200, 100, 0]);
    await core.engine.corrections.undo(1, "anna");
    assert.deepEqual(counts(), [200, 0, 100]);
    await core.close();
    // The other way round: an undo is kept, and not applied.
    cpSync(file("b"), file("a"));
    core = await opened(join(root, "a"));
    assert.deepEqual(counts(), [200, 0, 100]);
    await core.close();
    rmSync(file("a"));
    core = await opened(join(root, "a"));
    assert.deepEqual(
      core.engine.corrections.list().map(({ number, by, undone }) => [number, by, undone?.by]),
      [[1, "anna", "anna"]],
    );
    await send();
    await settled(core, 400);
    assert.deepEqual(counts(), [200, 0, 100]);
    assert.ok(existsSync(file("a")));
  } finally {
    await core.close();
    rmSync(root, { recursive: true });
  }
});

test("what an undo gives back goes to a later deletion of the same seconds, of the sensor and of each device, and so it does made anew", async () => {
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-corrections-"));
  let core = await opened(directory);
  const all = { start: START, end: START + 1000 };
  const counts = (): number[] => {
    const of = (device?: string): number => core.engine.query(SENSOR, all, ALL_NEEDS, device).aggregate.count;
    return [of(), of("a"), of("b"), core.engine.status(SENSOR).totals.deleted];
  };
  try {
    const readings = Array.from({ length: 200 }, (_, i) => {
      return { value: i, time: (START + i) * 1000, sequence: i, device: i % 2 === 0 ? "a" : "b" };
    });
    await core.log.append(
      SENSOR,
      readings.map((reading) => ({ value: Buffer.from(JSON.stringify(reading)) })),
    );
    await settled(core, 200);
    const take = (from: number, to: number, device: string | null = null) => {
      const window = { start: START + from, end: START + to };
      return core.engine.corrections.delete({ sensor: SENSOR, device, window }, SAID);
    };
    await take(0, 100);
    await take(50, 150);
    assert.deepEqual(counts(), [50, 25, 25, 150]);
    await core.engine.corrections.undo(1, "anna");
    assert.deepEqual(counts(), [100, 50, 50, 100]);
    await take(0, 60, "a");
    assert.deepEqual(counts(), [75, 25, 50, 125]);
    for (const name of ["db", "db-wal", "db-shm", "sums", "ends"]) {
      if (name === "db") await core.close();
      rmSync(join(directory, `history.${name}`), { force: true });
    }
    core = await opened(directory);
    await settled(core, 200);
    assert.deepEqual(counts(), [75, 25, 50, 125]);
    await core.engine.corrections.undo(2, "anna").catch(() => {});
    await core.engine.corrections.undo(3, "anna");
    await core.engine.corrections.undo(2, "anna").catch(() => {});
    assert.deepEqual(counts(), [200, 100, 100, 0]);
  } finally {
    await core.close();
    rmSync(directory, { recursive: true });
  }
});
