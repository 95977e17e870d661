/** One partition that cannot be read, or waits behind an open transaction, with a real server over a real broker: named, alone, and read on when it may be. */
import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { crc32 } from "node:zlib";
import { systemClock } from "../../src/core/clock.ts";
import { openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import type { NewRecord } from "../../src/log/log.ts";
import { type Broker, skipWithoutOwnKafka, startBroker } from "../kafka/broker.ts";
import { findPython, PythonProducer } from "../kafka/foreign.ts";
import { dataDirectory, done, eventually, type Running, succeeded, tidemark } from "./cli.ts";

interface Listed {
  readonly sensor: string;
  readonly counted: number;
  readonly gapRecords: number;
  readonly lag: number;
  readonly standstills: readonly {
    readonly offset: number;
    readonly waiting: number;
    readonly reason: string;
    readonly detail: string;
    readonly resumeAt: number | null;
  }[];
}

const numbers = (count: number): NewRecord[] =>
  Array.from({ length: count }, (_, i) => ({ value: Buffer.from(`${i}`) }));

/** Changes a topic's only segment, in which each batch holds one record. @param change is given the bytes and where the batch of an offset begins */
function damage(broker: Broker, topic: string, change: (bytes: Buffer, at: (offset: number) => number) => void): void {
  const folder = join(broker.dataDir, "log", `${topic}-0`);
  const name = readdirSync(folder).find((file) => file.endsWith(".log")) ?? assert.fail("no segment");
  const bytes = readFileSync(join(folder, name));
  change(bytes, (offset) => {
    let at = 0;
    while (Number(bytes.readBigInt64BE(at)) < offset) at += 12 + bytes.readInt32BE(at + 8);
    return at;
  });
  const file = openSync(join(folder, name), "r+");
  writeSync(file, bytes, 0, bytes.length, 0);
  closeSync(file);
}

/** Puts a message of format 1 (Kafka 0.10) in the place of a batch, of the same length. */
function makeOld(bytes: Buffer, at: number): void {
  const size = bytes.readInt32BE(at + 8);
  const message = bytes.subarray(at + 12, at + 12 + size).fill(0x20);
  message.fill(0, 4, 14);
  message[4] = 1;
  message.writeInt32BE(-1, 14);
  message.writeInt32BE(size - 22, 18);
  message.writeUInt32BE(crc32(message.subarray(4)), 0);
}

describe("a partition that is not read on", { skip: skipWithoutOwnKafka(), timeout: 400_000 }, () => {
  let broker: Broker;

  before(async () => {
    broker = await startBroker();
  });

  after(() => broker?.stop());

  async function serve(data: string, sensors: string): Promise<{ process: Running; url: string }> {
    const log = `kafka://${broker.bootstrap}`;
    const process = tidemark(["serve", "--data", data, "--port", "0", "--log", log, "--sensors", sensors]);
    const text = await process.until(/listening on (\S+):.*\n/);
    return { process, url: /listening on (\S+):/.exec(text)?.[1] ?? "" };
  }

  async function sensor(url: string, name: string): Promise<Listed> {
    const { items }: { items: Listed[] } = JSON.parse(await (await fetch(`${url}/sensors`)).text());
    return items.find((item) => item.sensor === name) ?? assert.fail(`no ${name}`);
  }

  async function readyz(url: string): Promise<readonly string[]> {
    const response = await fetch(`${url}/readyz`);
    assert.equal(response.status, 200);
    const { status, notices = [] }: { status: string; notices?: string[] } = JSON.parse(await response.text());
    assert.equal(status, "ready");
    return notices;
  }

  test("a flipped bit and a message of before Kafka 0.11 stop their partitions only; skip reads on, over restarts", async () => {
    const log = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock });
    const data = dataDirectory();
    await log.create(["rot", "old", "good"]);
    for (const name of ["rot", "old", "good"]) for (const one of numbers(5)) await log.append(name, [one]);
    await broker.stop();
    damage(broker, "rot", (bytes, at) => {
      bytes[at(3) - 2] ^= 1; // the value of the record before
    });
    damage(broker, "old", (bytes, at) => makeOld(bytes, at(1)));
    await broker.restart();
    let { process, url } = await serve(data.path, "rot,old,good");
    await eventually(async () => assert.equal((await sensor(url, "good")).counted, 5));
    await eventually(async () => {
      const { counted, lag, standstills } = await sensor(url, "rot");
      assert.deepEqual([counted, lag, standstills.length], [2, 3, 1]);
      const { offset, waiting, reason, detail, resumeAt } = standstills[0];
      assert.deepEqual([offset, waiting, reason, resumeAt], [2, 3, "unreadable", 3]);
      assert.match(detail, /"rot" partition 0: the batch at offset 2 is damaged: checksum must be/);
    });
    await eventually(async () => {
      const { counted, lag, standstills } = await sensor(url, "old");
      assert.deepEqual([counted, lag, standstills[0]?.resumeAt], [1, 4, 2]);
      assert.match(
        standstills[0].detail,
        /the message at offset 1 was written before Kafka 0\.11 \(message format 1\)/,
      );
    });
    const notices = await readyz(url);
    assert.equal(notices.length, 2, String(notices));
    assert.match(
      String(notices),
      /cannot read "rot" partition 0 at offset 2, where 3 records wait: .*tidemark skip rot 0 --to 3/,
    );
    assert.match(String(notices), /cannot read "old" partition 0 at offset 1, .*tidemark skip old 0 --to 2/);
    await process.until(/notice: cannot read "rot" partition 0 at offset 2/);
    await process.until(/notice: cannot read "old" partition 0 at offset 1/);
    assert.doesNotMatch(process.text(), /is read on/);

    for (const name of ["rot", "good"]) await log.append(name, numbers(1));
    await eventually(async () => assert.equal((await sensor(url, "good")).counted, 6));
    await eventually(async () => assert.equal((await sensor(url, "rot")).lag, 4)); // it is tried again, and sees more
    for (const [args, wanted] of [
      [["good", "0", "--to", "6"], /"good" partition 0: it must stand still/],
      [["rot", "0", "--to", "2"], /the offset must be > 2 and <= 6, the log's end, was 2/],
      [["rot", "0", "--to", "7"], /the offset must be > 2 and <= 6, the log's end, was 7/],
      [["rotten", "0", "--to", "3"], /Cannot skip in "rotten": expected one of/],
    ] as const) {
      const { code, stderr } = await done(["skip", ...args, "--url", url]);
      assert.equal(code, 1);
      assert.match(stderr, wanted);
    }

    // As if the machine went down in the middle: what stands still stands still again, and no other is disturbed.
    process.kill("SIGKILL");
    await process.ended;
    ({ process, url } = await serve(data.path, "rot,old,good"));
    await process.until(/notice: cannot read "rot" partition 0 at offset 2/);
    const skipped = await succeeded(["skip", "rot", "0", "--to", "3", "--url", url]);
    assert.equal(skipped, "passed over 1 records of rot partition 0\n");
    await eventually(async () => {
      const { counted, gapRecords, lag, standstills } = await sensor(url, "rot");
      assert.deepEqual([counted, gapRecords, lag, standstills], [5, 1, 0, []]);
    });
    await process.until(/notice: "rot" partition 0 is read on/);
    assert.deepEqual(JSON.parse(await succeeded(["skip", "old", "0", "--to", "2", "--json", "--url", url])), {
      skipped: 1,
    });
    await eventually(async () => {
      const { counted, gapRecords, lag } = await sensor(url, "old");
      assert.deepEqual([counted, gapRecords, lag], [4, 1, 0]);
      assert.deepEqual(await readyz(url), []);
    });

    process.kill("SIGTERM");
    await process.ended;
    ({ process, url } = await serve(data.path, "rot,old,good"));
    await log.append("rot", numbers(1));
    await eventually(async () => {
      const { counted, gapRecords, lag } = await sensor(url, "rot");
      assert.deepEqual([counted, gapRecords, lag], [6, 1, 0]);
    });
    assert.deepEqual(await readyz(url), []);
    process.kill("SIGTERM");
    assert.equal((await process.ended).code, 0);
    await log.close();
    await data.remove();
  });

  test("behind an open transaction readings wait: lag counts them, and it is said since when, until it ends", async (t) => {
    const python = await findPython();
    if ("missing" in python) return t.skip(python.missing);
    const log = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock });
    const data = dataDirectory();
    await log.create(["held", "free"]);
    const writer = new PythonProducer(python.path, broker.bootstrap, "confluent", "none", "standstill");
    const { process, url } = await serve(data.path, "held,free");
    for (const outcome of ["abort", "commit"] as const) {
      const before = (await sensor(url, "held")).counted;
      const start = Date.now();
      await writer.transaction("begin");
      await writer.send("held", [{ value: "1", partition: 0 }]);
      await log.append("held", numbers(2));
      await log.append("free", numbers(2));
      await eventually(async () => {
        const { counted, lag, standstills } = await sensor(url, "held");
        assert.deepEqual([counted, lag], [before, 3]);
        assert.deepEqual([standstills[0]?.reason, standstills[0].waiting], ["open-transaction", 3]);
        const since = /^waiting behind an open transaction since (.+)$/.exec(standstills[0].detail)?.[1] ?? "";
        assert.ok(Date.parse(since) >= start - 1000 && Date.parse(since) <= Date.now(), since);
      });
      await eventually(async () => {
        const notices = await readyz(url);
        assert.match(
          String(notices),
          /^"held" partition 0 at offset \d+, where 3 records wait: waiting behind an open transaction since /,
        );
      });
      await eventually(async () => assert.equal((await sensor(url, "free")).lag, 0));
      await writer.transaction(outcome);
      await eventually(async () => {
        const { counted, lag, standstills } = await sensor(url, "held");
        assert.deepEqual([counted, lag, standstills], [before + (outcome === "abort" ? 2 : 3), 0, []]);
        assert.deepEqual(await readyz(url), []);
      });
    }
    await writer.close();
    process.kill("SIGTERM");
    assert.equal((await process.ended).code, 0);
    await log.close();
    await data.remove();
  });
});
