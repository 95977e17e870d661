/**
 * What a million identities cost in memory and on disk: sequences in order, with 1% lost for good, shuffled; and explicit ids.
 * Identities alone, without readings in pages. Run with --expose-gc: what is alive is measured after a collection.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMIT_READINGS } from "../../src/core/limits.ts";
import { Random } from "../../src/core/random.ts";
import { IDENTITY_EXPLICIT, IDENTITY_SEQUENCE, NO_BOOT, Readings } from "../../src/core/readings.ts";
import { NEW } from "../../src/identity/identities.ts";
import { State } from "../../src/pipeline/state.ts";
import { Database } from "../../src/store/database.ts";
import { START_SECOND } from "../data/series.ts";
import { argument } from "../harness/lap.ts";

export interface IdentitiesTask {
  readonly identities: number;
  readonly devices: number;
  readonly kind: "ordered" | "lost" | "shuffled" | "explicit" | "timed" | "jitter" | "timed-shuffled" | "untimed";
}

const BATCH = 10_000;
/** Every hundredth reading never comes. */
const LOST = 0.01;

const { identities, devices: deviceCount, kind } = argument<IdentitiesTask>();
const directory = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
const db = Database.open(directory);
const state = new State(db);
const sensor = state.sensors.open("temperature");
const known = state.identities;
const { devices, bootNames } = known;
const named = (text: string): Buffer => Buffer.from(text);
const deviceNames = Array.from({ length: deviceCount }, (_, i) => named(`device-${i}`));
const bootName = named("b7f3a2");
const boot = bootNames.intern(sensor.id, bootName, 0, bootName.length);
const random = new Random(31);
/** In which order the readings come: device r % devices, sequence ⌊r / devices⌋. */
const order = new Uint32Array(identities);
let length = 0;
for (let r = 0; r < identities; r++) if (kind !== "lost" || !random.chance(LOST)) order[length++] = r;
if (kind === "shuffled" || kind === "timed-shuffled") {
  for (let i = length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [order[i], order[j]] = [order[j], order[i]];
  }
}
const readings = new Readings(BATCH);
const isBootless = kind === "timed" || kind === "jitter" || kind === "timed-shuffled" || kind === "untimed";

function fill(from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const reading = order[i];
    const row = i - from;
    const sequence = Math.floor(reading / deviceCount);
    const name = deviceNames[reading % deviceCount];
    readings.device[row] = known.deviceNames.intern(sensor.id, name, 0, name.length);
    readings.boot[row] = isBootless ? NO_BOOT : boot;
    readings.sequence[row] = sequence;
    readings.time[row] = (START_SECOND + sequence) * 1000 + (kind === "jitter" ? random.integer(-20, 20) : 0);
    readings.ownTime[row] = kind === "untimed" ? 0 : 1;
    readings.value[row] = reading % 101;
    readings.identity[row] = kind === "explicit" ? IDENTITY_EXPLICIT : IDENTITY_SEQUENCE;
    // As long as a UUID.
    if (kind === "explicit") readings.idText[row] = `01890a5d-ac96-774b-bcce-${String(reading).padStart(12, "0")}`;
  }
}

let cpuMicros = 0;
let uncommitted = 0;

function checkpoint(): void {
  db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
}

async function commit(): Promise<void> {
  await state.commit();
  checkpoint();
  uncommitted = 0;
}

async function take(from: number, to: number): Promise<void> {
  fill(from, to);
  const before = process.cpuUsage();
  for (let row = 0; row < to - from; row++) {
    const slot = readings.device[row];
    if (!devices.isLoaded(slot)) devices.load(slot);
    if (known.classify(readings, row, sensor.id) !== NEW) throw new Error("BUG: the bench sends nothing twice");
    devices.touch(slot);
  }
  uncommitted += to - from;
  if (uncommitted >= COMMIT_READINGS || state.isFull) await commit();
  const { user, system } = process.cpuUsage(before);
  cpuMicros += user + system;
}

/** Bytes alive after a collection. */
function alive(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

try {
  checkpoint();
  const size = (): number => statSync(join(directory, "history.db")).size;
  const emptyBytes = size();
  const before = alive();
  for (let from = 0; from < length; from += BATCH) await take(from, Math.min(length, from + BATCH));
  await commit();
  console.log(
    JSON.stringify({
      ...{ identities: length, diskBytes: size() - emptyBytes, aliveBytes: alive() - before },
      ...{ nanoseconds: (cpuMicros * 1000) / length, rssBytes: process.resourceUsage().maxRSS * 1024 },
      writtenBytes: state.bytesWritten,
    }),
  );
} finally {
  db.close();
  rmSync(directory, { recursive: true, force: true });
}
