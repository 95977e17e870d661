/** `tidemark backup` and `restore` with real processes: while readings come in, after kills, of damaged copies. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { done, eventually, type Running, succeeded, tidemark } from "./cli.ts";

const folder = mkdtempSync(join(tmpdir(), "tidemark-backup-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

async function serve(data: string): Promise<{ server: Running; url: string }> {
  const server = tidemark(["serve", "--data", data, "--port", "0"]);
  const url = /listening on (http:\S+):/.exec(await server.until(/listening on \S+/))?.[1] ?? "";
  return { server, url };
}

async function end({ server }: { server: Running }): Promise<void> {
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
}

/** Between two requests of a sender, ms: what it sends is sent again to each copy. */
const PACE_MS = 10;

/** Readings 0, 1 … of a device, 500 a request, until told otherwise. Each request is acknowledged before the next. */
class Sender {
  acknowledged = 0;
  #ended = false;
  readonly #running: Promise<void>;

  constructor(url: string) {
    this.#running = this.#run(url);
  }

  async #run(url: string): Promise<void> {
    while (!this.#ended) {
      const lines = Array.from({ length: 500 }, (_, i) => {
        const sequence = this.acknowledged + i;
        return `{"device":"d","boot":"b","sequence":${sequence},"value":${sequence % 100},"time":${1578920000000 + sequence * 10}}`;
      });
      const response = await fetch(`${url}/readings/load`, { method: "POST", body: lines.join("\n") });
      assert.equal(response.status, 200, await response.text());
      this.acknowledged += lines.length;
      await pause(PACE_MS);
    }
  }

  async stop(): Promise<void> {
    this.#ended = true;
    await this.#running;
  }
}

async function ask(url: string, body: object): Promise<string> {
  const response = await fetch(`${url}/compute/metrics`, { method: "POST", body: JSON.stringify(body) });
  return JSON.stringify((JSON.parse(await response.text()) as { result: unknown }).result);
}

async function countOf(url: string): Promise<number> {
  return JSON.parse(await ask(url, { load: ["count"] })).load.count;
}

describe("backup", () => {
  test("of a running server: every reading acknowledged before is in it, once, and it goes on from there", {
    timeout: 120_000,
  }, async () => {
    const original = await serve(at("data"));
    const sender = new Sender(original.url);
    await eventually(async () => assert.ok(sender.acknowledged > 5000));
    for (const name of ["first", "second"]) {
      const before = sender.acknowledged;
      const said = await succeeded(["backup", at(name), "--data", at("data")]);
      const sent = sender.acknowledged + 500;
      assert.match(
        said,
        /^backed up .*: history\.db, alerts\.db, log\.db \([\d.]+ [kM]B\), read again and found whole\n$/,
      );
      assert.deepEqual(readdirSync(at(name)).sort(), ["alerts.db", "backup.json", "history.db", "log.db"]);
      assert.match(await succeeded(["restore", at(name), "--data", at(`${name}-restored`)]), /^restored /);
      const copy = await serve(at(`${name}-restored`));
      await eventually(async () => {
        const count = await countOf(copy.url);
        assert.ok(count >= before && count <= sent, `${before} <= ${count} <= ${sent}`);
      });
      const count = await countOf(copy.url);
      // The same readings again: those that it has are duplicates, the others are counted.
      const again = new Sender(copy.url);
      await eventually(async () => assert.ok(again.acknowledged >= count + 1000));
      await again.stop();
      await eventually(async () => assert.equal(await countOf(copy.url), again.acknowledged));
      await end(copy);
    }
    await sender.stop();
    await eventually(async () => assert.equal(await countOf(original.url), sender.acknowledged));
    await end(original);
    // Nobody runs on it: the same answers, to the last bit.
    await succeeded(["backup", at("third"), "--data", at("data")]);
    await succeeded(["restore", at("third"), "--data", at("third-restored")]);
    const [one, other] = [await serve(at("data")), await serve(at("third-restored"))];
    const question = {
      load: ["count", "mean", "stddev", "p95", "first", "last"],
      from: "2020-01-01",
      to: "2020-12-31",
    };
    await eventually(async () => assert.equal(await countOf(other.url), sender.acknowledged));
    assert.equal(await ask(other.url, question), await ask(one.url, question));
    await Promise.all([end(one), end(other)]);
  });

  test("killed at any moment it leaves no backup, the server goes on, and the next one is whole", {
    timeout: 120_000,
  }, async () => {
    const original = await serve(at("killed"));
    const sender = new Sender(original.url);
    await eventually(async () => assert.ok(sender.acknowledged > 10_000));
    for (let round = 0; round < 4; round++) {
      const backup = tidemark(["backup", at("never"), "--data", at("killed")]);
      // Killed when the copy has begun, each time somewhat further on.
      await eventually(async () => {
        const made = existsSync(at(".never.unfinished")) ? readdirSync(at(".never.unfinished")).length : 0;
        assert.ok(made > round % 2 || existsSync(at("never")));
      });
      backup.kill("SIGKILL");
      await backup.ended;
      if (existsSync(at("never"))) rmSync(at("never"), { recursive: true });
    }
    const sent = sender.acknowledged;
    await eventually(async () => assert.ok(sender.acknowledged > sent));
    await sender.stop();
    await succeeded(["backup", at("never"), "--data", at("killed")]);
    assert.ok(!existsSync(at(".never.unfinished")));
    await end(original);
    const restoring = tidemark(["restore", at("never"), "--data", at("half")]);
    await eventually(async () => assert.ok(existsSync(at(".half.unfinished")) || existsSync(at("half"))));
    restoring.kill("SIGKILL");
    await restoring.ended;
    rmSync(at("half"), { recursive: true, force: true });
    await succeeded(["restore", at("never"), "--data", at("half")]);
    const copy = await serve(at("half"));
    await eventually(async () => assert.equal(await countOf(copy.url), sender.acknowledged));
    await end(copy);
  });

  test("refuses what is not empty, not there, or not what was backed up", async () => {
    const data = await serve(at("small"));
    await fetch(`${data.url}/readings/x`, { method: "POST", body: "1" });
    await succeeded(["backup", at("good"), "--data", at("small")]);
    await end(data);
    for (const [args, words] of [
      [
        ["backup", at("good"), "--data", at("small")],
        /Cannot back up to \S+good: expected an empty directory, or none/,
      ],
      [["backup", at("new"), "--data", at("nowhere")], /Cannot back up \S+nowhere: there is no history\.db in it/],
      [
        ["restore", at("good"), "--data", at("small")],
        /Cannot restore to \S+small: expected an empty directory, or none/,
      ],
      [
        ["restore", at("small"), "--data", at("new")],
        /Cannot restore \S+small: expected what tidemark backup has made/,
      ],
      [["backup"], /expected one directory, such as tidemark backup/],
    ] as const) {
      const { code, stderr } = await done(args);
      assert.notEqual(code, 0);
      assert.match(stderr, words);
      assert.ok(!existsSync(at("new")) && !existsSync(at(".new.unfinished")));
    }
    mkdirSync(at("empty"));
    await succeeded(["restore", at("good"), "--data", at("empty")]);
    const bytes = readFileSync(join(at("good"), "log.db"));
    bytes[bytes.length - 100] ^= 1;
    writeFileSync(join(at("good"), "log.db"), bytes);
    const { code, stderr } = await done(["restore", at("good"), "--data", at("new")]);
    assert.equal(code, 1);
    assert.match(stderr, /Cannot restore \S+log\.db: it is not what was backed up/);
    assert.ok(!existsSync(at("new")) && !existsSync(at(".new.unfinished")));
  });
});
