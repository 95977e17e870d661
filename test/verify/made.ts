/** Data directories as a server leaves them: a generated history through the real log and pipeline, with commits, restarts and kills. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Core, openCore } from "../../src/app.ts";
import { ManualClock } from "../../src/core/clock.ts";
import { openZone } from "../../src/core/zone.ts";
import { LogSnapshot } from "../../src/log/embedded/log-snapshot.ts";
import type { ReadableLog } from "../../src/log/log.ts";
import type { Difference } from "../../src/verify/differences.ts";
import { type Verified, verify } from "../../src/verify/verification.ts";
import { createHistory, type GeneratorOptions, type History } from "../oracle/generator.ts";

export const NOW = Date.UTC(2026, 4, 1, 12);
export const ZONE = "Europe/Berlin";

/** An empty directory, and what removes it. */
export function folder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "tidemark-verify-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Readings over so many years that their series has all levels: a page of 1,024 days for more of them than may be the highest. */
const LONG_PAST = [2001, 2004, 2007, 2010, 2013, 2016, 2019].map((year) => ({
  value: Buffer.from(JSON.stringify({ device: "old", sequence: year, value: 1, time: Date.UTC(year, 0) })),
}));

/** Of a server on `data` with the embedded log. */
export function settingsOf(data: string) {
  const log = { kind: "local" } as const;
  const rest = { sensors: null, topics: null, createTopics: false, timezone: ZONE, clockAheadMs: 300_000 };
  return { log, data, keepMs: null, logRetentionBytes: 2e9, ...rest };
}

/** Resolves when all that was appended is taken in. */
async function takenIn(core: Core): Promise<void> {
  for (;;) {
    const lag = core.engine.sensors.list().reduce((sum, { name }) => sum + (core.engine.status(name).lag ?? 0), 0);
    if (lag === 0) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A generated history in `path`, closed; kills are copies of the directory of that moment. */
export async function makeDirectory(
  path: string,
  given: Partial<GeneratorOptions> & { seed: number },
): Promise<History> {
  const options = { readings: 1500, nowMs: NOW, log: "embedded", zone: ZONE, oversized: false, ...given } as const;
  const history = createHistory(options);
  const clock = new ManualClock(history.batches[0].nowMs);
  let generation = 0;
  const at = (): string => join(path, "..", `${generation}-of-it`);
  let core = await openCore(settingsOf(at()), clock);
  const [{ sensor: first }] = history.batches;
  await core.engine.admit(first);
  await core.log.append(first, LONG_PAST);
  await takenIn(core);
  for (const { index, start, end, nowMs, sensor } of history.batches) {
    for (const { batch, kind } of history.marks) {
      if (batch !== index) continue;
      if (kind === "commit") await core.engine.releaseQuarantine([]);
      else if (kind === "restart") await core.close();
      else {
        const old = at();
        generation++;
        cpSync(old, at(), { recursive: true });
        await core.close();
        rmSync(old, { recursive: true });
      }
      if (kind !== "commit") core = await openCore(settingsOf(at()), clock);
    }
    clock.set(nowMs);
    const records = history.arrivals.slice(start, end).map(({ key, value }) => {
      assert.ok(value !== null);
      return { value, ...(key === null ? {} : { key }) };
    });
    await core.engine.admit(sensor);
    await core.log.append(sensor, records);
    await takenIn(core);
  }
  await core.close();
  cpSync(at(), path, { recursive: true });
  rmSync(at(), { recursive: true });
  return history;
}

/** Verifies a directory on its own log. */
export async function verified(
  directory: string,
  openLog: () => ReadableLog | null = () => LogSnapshot.open(directory),
  repair: (verified: Verified, scratch: string) => void = () => {},
): Promise<Verified & { readonly found: readonly Difference[] }> {
  const scratch = folder();
  const found: Difference[] = [];
  try {
    const result = await verify({
      directory,
      openLog: async () => openLog(),
      zone: openZone(ZONE),
      clockAheadMs: 300_000,
      nowMs: NOW,
      scratch: scratch.path,
      mayRepair: true,
      onDifference: (difference) => found.push(difference),
      onProgress: () => {},
      signal: new AbortController().signal,
    });
    repair(result, scratch.path);
    return { ...result, found };
  } finally {
    scratch.remove();
  }
}
