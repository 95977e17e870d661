/** `tidemark verify` with real processes: beside a server that takes readings in, after kills, interrupted, and repairing. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Database } from "../../src/store/database.ts";
import { done, eventually, type Running, succeeded, tidemark } from "./cli.ts";

const folder = mkdtempSync(join(tmpdir(), "tidemark-cli-verify-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

async function serve(data: string): Promise<{ server: Running; url: string }> {
  const server = tidemark(["serve", "--data", data, "--port", "0", "--timezone", "UTC"]);
  const url = /listening on (http:\S+):/.exec(await server.until(/listening on \S+/))?.[1] ?? "";
  return { server, url };
}

/** Readings from `first` on, 2,000 of them, acknowledged. */
async function send(url: string, first: number): Promise<void> {
  const lines = Array.from({ length: 2000 }, (_, i) => {
    const sequence = first + i;
    return `{"device":"d","boot":"b","sequence":${sequence},"value":${sequence % 100},"time":${1578920000000 + sequence * 10}}`;
  });
  const response = await fetch(`${url}/readings/load`, { method: "POST", body: lines.join("\n") });
  assert.equal(response.status, 200, await response.text());
}

/** Commits what was taken in. */
async function commit(url: string, count: number): Promise<void> {
  await eventually(async () => {
    const response = await fetch(`${url}/compute/metrics`, { method: "POST", body: '{"load":["count"]}' });
    assert.match(await response.text(), new RegExp(`"count":${count}\\b`));
  });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/quarantine/release`, { method: "POST", headers, body: '{"ids":[999]}' });
  assert.equal(response.status, 200, await response.text());
}

describe("verify", () => {
  test("beside a server, after kill -9, and stopped: no difference, and all of it checked against the log", async () => {
    const first = await serve(at("data"));
    await send(first.url, 0);
    await commit(first.url, 2000);
    await send(first.url, 2000);
    const beside = await succeeded(["verify", "--data", at("data"), "--timezone", "UTC"]);
    assert.match(beside, /^load: all of it checked against the log\nverified .* beside the server that runs on it in /);
    assert.match(beside, /\nno difference\n$/);
    first.server.kill("SIGKILL");
    await first.server.ended;
    const killed = JSON.parse(await succeeded(["verify", "--data", at("data"), "--timezone", "UTC", "--json"]));
    assert.deepEqual([killed.running, killed.differences, killed.records], [false, 0, 2000]);
    const second = await serve(at("data"));
    await commit(second.url, 4000);
    second.server.kill("SIGTERM");
    await second.server.ended;
    const stopped = await succeeded(["verify", "--data", at("data"), "--timezone", "UTC"]);
    assert.match(stopped, /: 4,000 records of the log taken in once more/);
  });

  test("a wrong row is named and exits 1, is repaired when asked, and the server goes on", async () => {
    const db = Database.open(at("data"));
    db.prepare("DELETE FROM page WHERE key=(SELECT min(key) FROM page)").run();
    db.close();
    const found = await done(["verify", "--data", at("data"), "--timezone", "Europe/Berlin"]);
    assert.equal(found.code, 1, found.stderr);
    assert.match(
      found.stdout,
      /^load, 2020-01-13T12:53:20Z \(2020-01-13 13:53:20 Europe\/Berlin\), second in page \d+ of level 0: stored nothing; expected count 100, .* \(by the log\)\n/m,
    );
    assert.match(found.stdout, /\n\d+ differences; \d+ pages can be made anew \(tidemark verify --repair\)\n$/);
    const asked = await done(["verify", "--data", at("data"), "--timezone", "UTC", "--repair"]);
    assert.equal(asked.code, 2);
    assert.match(asked.stderr, /expected --yes/);
    const repaired = await done(["verify", "--data", at("data"), "--timezone", "UTC", "--repair", "--yes"]);
    assert.equal(repaired.code, 1);
    assert.match(repaired.stdout, /pages made anew; what was there is in .*history\.repaired-1\.ndjson\n$/);
    assert.ok(readdirSync(at("data")).includes("history.repaired-1.ndjson"));
    await succeeded(["verify", "--data", at("data"), "--timezone", "UTC"]);
    const server = await serve(at("data"));
    await commit(server.url, 4000);
    const refused = await done(["verify", "--data", at("data"), "--repair", "--yes"]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /^tidemark: Cannot repair .*: a server runs on it/);
    server.server.kill("SIGTERM");
    await server.server.ended;
  });

  test("a position that is wrong is named, and made anew of the log, killed in between or not", async () => {
    const db = Database.open(at("data"));
    db.prepare("UPDATE position SET newest=newest+1").run();
    db.close();
    const command = ["verify", "--data", at("data"), "--timezone", "UTC"];
    const { stdout } = await done(command);
    assert.match(stdout, /\n1 difference; all that the log tells can be made anew \(tidemark verify --repair\)\n$/);
    for (let number = 1; number <= 3; number++) {
      const repairing = tidemark([...command, "--repair", "--yes"]);
      // It is about to replace what is there; where all was repaired before, it ends.
      let isOver = false;
      void repairing.ended.then(() => {
        isOver = true;
      });
      const isThere = (): boolean => readdirSync(at("data")).includes(`history.repaired-${number}.db`);
      await eventually(() => assert.ok(isOver || isThere()));
      repairing.kill("SIGKILL");
      await repairing.ended;
      assert.match((await done(command)).stdout, /\n(no difference|1 difference; .*)\n$/);
    }
    const { stdout: repaired } = await done([...command, "--repair", "--yes"]);
    assert.match(repaired, /\n(no difference|1 difference, all .* made anew; what was there is in .*\.db)\n$/);
    await succeeded(command);
    const { server, url } = await serve(at("data"));
    await commit(url, 4000);
    server.kill("SIGTERM");
    await server.ended;
  });

  test("a flip of a byte of the file is named by its page", async () => {
    cpSync(at("data"), at("flipped"), { recursive: true });
    const bytes = readFileSync(join(at("flipped"), "history.db"));
    bytes[bytes.length - 2] ^= 4;
    writeFileSync(join(at("flipped"), "history.db"), bytes);
    const { code, stdout } = await done(["verify", "--data", at("flipped"), "--timezone", "UTC"]);
    assert.equal(code, 1, stdout);
    assert.match(
      stdout,
      /^page \d+ of the file history\.db: stored other bytes; expected what was written last .*\(damaged\)\n/,
    );
  });

  test("what cannot be verified is said and exits 2; Ctrl-C ends it", async () => {
    const missing = await done(["verify", "--data", at("nowhere")]);
    assert.deepEqual([missing.code, missing.stdout], [2, ""]);
    assert.match(missing.stderr, /there is no history\.db in it/);
    writeFileSync(at("file"), "");
    assert.equal((await done(["verify", "--data", at("file")])).code, 2);
    // A Kafka that does not answer is waited for.
    const waiting = tidemark(["verify", "--data", at("data"), "--log", "kafka://127.0.0.1:9"]);
    await eventually(() => assert.ok(readdirSync(at("data")).includes("lock.pid")));
    waiting.kill("SIGINT");
    assert.equal((await waiting.ended).code, 2);
    await succeeded(["verify", "--data", at("data"), "--timezone", "UTC"]);
  });
});
