/** What producers appended to the embedded log, and what it must hold: everything acknowledged; of what was in doubt at a crash, whole appends. */
import assert from "node:assert/strict";
import { ABSENT, Records } from "../../src/core/records.ts";
import type { Log, NewRecord } from "../../src/log/log.ts";
import type { Sent } from "./broker.ts";
import { time } from "./virtual-time.ts";

interface Append {
  readonly sensor: string;
  readonly records: readonly NewRecord[];
  state: "waiting" | "taken" | "refused" | "in doubt";
}

/** Refusals after which the records may be in the file all the same, until the log has looked at it anew. */
const DOUBTFUL = new Set(["log-sync-failed", "log-closed"]);

/** States of a topic: what is acknowledged, then appends in their order that may be there after a crash. */
export class EmbeddedAppends {
  /** Records that are in the log. */
  readonly #ends = new Map<string, number>();
  #open: Append[] = [];
  refused = 0;
  /** Appends that a crash left in doubt. */
  unknown = 0;

  end(sensor: string): number {
    return this.#ends.get(sensor) ?? 0;
  }

  append(log: Log, sensor: string, sent: readonly Sent[]): void {
    const records = sent.map(({ key, value }) => {
      const bytes = value ?? new Uint8Array(0);
      return key === null ? { value: bytes } : { value: bytes, key };
    });
    const append: Append = { sensor, records, state: "waiting" };
    this.#open.push(append);
    log.append(sensor, records).then(
      () => {
        // An append that comes through shows that what was in doubt before it was taken out.
        if (append.state === "waiting") this.#take(append);
      },
      (error: unknown) => {
        if (append.state !== "waiting") return;
        const code = error instanceof Error && "code" in error ? String(error.code) : "";
        assert.notEqual(code, "", `an append ended with ${error}`);
        this.refused++;
        append.state = DOUBTFUL.has(code) ? "in doubt" : "refused";
      },
    );
  }

  #take(append: Append): void {
    append.state = "taken";
    this.#ends.set(append.sensor, this.end(append.sensor) + append.records.length);
    this.#open = this.#open.filter((each) => each !== append && each.state !== "in doubt");
  }

  /** The process is gone: what waited is in doubt. */
  ended(): void {
    for (const append of this.#open) if (append.state === "waiting") append.state = "in doubt";
    this.#open = this.#open.filter(({ state }) => state === "in doubt");
  }

  /** The log was opened again: it holds what was acknowledged, and then some of what was in doubt, whole and in order. @param isNamed damage was, and what it took */
  async found(log: Log, sensors: readonly string[], isNamed: boolean): Promise<void> {
    for (const { name } of (await log.open(sensors)).topics) {
      const { end } = await log.bounds(name, 0);
      if (isNamed) {
        this.#ends.set(name, end);
        continue;
      }
      const known = this.end(name);
      assert.ok(end >= known, `the log of "${name}" ends at ${end}, ${known} records were acknowledged`);
      const more = end > known ? await readFrom(log, name, known) : [];
      for (const { records } of this.#open.filter(({ sensor }) => sensor === name)) {
        const isThere = records.length <= more.length && records.every((record, i) => textOf(record) === more[i]);
        if (!isThere) continue;
        more.splice(0, records.length);
        this.unknown++;
      }
      assert.deepEqual(more, [], `the log of "${name}" ends within an append`);
      this.#ends.set(name, end);
    }
    this.#open = [];
  }

  /** @param mayWait whether the disk has failed */
  check(mayWait: boolean): void {
    const waiting = this.#open.filter(({ state }) => state === "waiting").length;
    assert.ok(waiting === 0 || mayWait, `${waiting} appends are neither acknowledged nor refused`);
  }
}

function textOf({ key, value }: NewRecord): string {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
  return `${key === undefined ? "" : text(key)} ${text(value)}`;
}

/** The records from that offset to the end. */
async function readFrom(log: Log, topic: string, offset: number): Promise<string[]> {
  const { end } = await log.bounds(topic, 0);
  const reader = log.reader([{ topic, partition: 0, offset }]);
  const records = new Records();
  const found: string[] = [];
  while (found.length < end - offset) {
    const fetched = await time.until(reader.read());
    assert.ok(fetched !== null, `the log of "${topic}" ends before ${end}`);
    while (fetched.next(records)) {
      for (let i = 0; i < records.count; i++) {
        const cut = (start: number, end: number) =>
          start === ABSENT ? new Uint8Array(0) : records.data.slice(start, end);
        const key = cut(records.keyStart[i], records.keyEnd[i]);
        found.push(textOf({ key, value: cut(records.valueStart[i], records.valueEnd[i]) }));
      }
    }
  }
  await reader.close();
  return found;
}
