/** `tidemark start`, `stop`, `run`, `watch`: processes that outlive their starter, and never a signal to a stranger. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { rotate } from "../../src/commands/bounded-log.ts";
import { birthOf } from "../../src/commands/process-birth.ts";
import { type ProcessRecord, writeRecord } from "../../src/commands/run-files.ts";
import {
  dataDirectory,
  done,
  eventually,
  freePort,
  inTerminal,
  launch,
  ROOT,
  skipWithoutTerminal,
  succeeded,
  tidemark,
} from "./cli.ts";

const recordOf = (data: string, name: string): ProcessRecord =>
  JSON.parse(readFileSync(join(data, "run", `${name}.json`), "utf8").split("\n", 1)[0]);
const logOf = (data: string, name: string): string => readFileSync(join(data, "run", `${name}.log`), "utf8");
const recordsOf = (data: string): string[] => readdirSync(join(data, "run")).filter((file) => file.endsWith(".json"));

async function countOf(data: string, sensor: string): Promise<number> {
  return JSON.parse(await succeeded(["query", sensor, "count", "--json", "--data", data])).result[sensor].count;
}

describe("start and stop", () => {
  test("start, join, go on after a crash, stop", async () => {
    const data = dataDirectory();
    const port = await freePort();
    const args = ["start", "--data", data.path, "--port", String(port), "--sensors", "a,b.c", "--simulate"];
    assert.match(
      await succeeded(args),
      new RegExp(`^started: http://127\\.0\\.0\\.1:${port} with 2 simulated sensors \\(log files in `),
    );
    assert.deepEqual(recordsOf(data.path), ["sensor-a.json", "sensor-b.c.json", "server.json"]);
    const server = recordOf(data.path, "server");
    await eventually(async () => assert.ok((await countOf(data.path, "b.c")) > 1));

    // Joining: with nothing said, with the same said, not with anything else.
    assert.match(await succeeded(["start", "--data", data.path]), /^runs already: http/);
    assert.match(await succeeded(args), /^runs already: http/);
    assert.deepEqual(recordOf(data.path, "server"), server);
    for (const [more, words] of [
      [["--sensors", "a"], /--sensors must be a,b\.c, was a;/],
      [["--keep", "30d"], /--keep must be forever/],
      [["--log", "kafka://x:1"], /--log must be local/],
    ] as const) {
      const refused = await done(["start", "--data", data.path, ...more]);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, words);
    }

    // A sensor that died is started again, a server too, with all that was acknowledged.
    process.kill(recordOf(data.path, "sensor-a").pid, "SIGKILL");
    await eventually(() => assert.equal(birthOf(recordOf(data.path, "sensor-a").pid), null));
    assert.match(await succeeded(["start", "--data", data.path]), /^runs already: http/);
    assert.match(
      await succeeded(["start", "--data", data.path, "--simulate"]),
      /^runs already, started 1 simulated sensor: http/,
    );
    const before = await countOf(data.path, "b.c");
    process.kill(server.pid, "SIGKILL");
    await eventually(() => assert.equal(birthOf(server.pid), null));
    assert.match(await succeeded(args), /^started: /);
    assert.ok((await countOf(data.path, "b.c")) >= before);
    await eventually(() => assert.match(logOf(data.path, "sensor-b.c"), /takes readings again|sending to/));

    const stopped = await succeeded(["stop", "--data", data.path]);
    assert.match(stopped, /^ended a, b\.c\nended the server \(process \d+\); the history is in /);
    assert.deepEqual(recordsOf(data.path), []);
    assert.match(logOf(data.path, "server"), /closing: .*\n\S+ closed\n$/);
    assert.match(logOf(data.path, "sensor-a"), /^\S+Z a: .* 0 waiting\n$/m);
    assert.match(await succeeded(["stop", "--data", data.path]), /^nothing runs on /);
    await data.remove();
  });

  test("two starts at a time are one", async () => {
    const data = dataDirectory();
    const args = ["start", "--data", data.path, "--port", String(await freePort()), "--sensors", "a"];
    const ended = await Promise.all([done(args), done(args)]);
    assert.deepEqual(
      ended.map(({ code }) => code),
      [0, 0],
      ended.map(({ stderr }) => stderr).join(),
    );
    assert.deepEqual(ended.map(({ stdout }) => stdout.split(":")[0]).sort(), ["runs already", "started"]);
    await data.remove();
  });

  test("a record of a process that is no more never reaches whoever has its id now", async () => {
    const data = dataDirectory();
    await done(["start", "--data", data.path, "--port", String(await freePort()), "--sensors", "a", "--simulate"]);
    const record = recordOf(data.path, "sensor-a");
    await succeeded(["stop", "--data", data.path]);
    const stranger = launch("sleep", ["600"]);
    writeRecord(data.path, { ...record, pid: stranger.pid });
    writeRecord(data.path, { ...record, name: "server", pid: stranger.pid, birth: "" });
    for (const damaged of ['{"pid":-1,"birth":"x"}\n', "cut off {"]) {
      const path = join(data.path, "run", "sensor-b.json");
      writeFileSync(path, damaged);
      const { code, stderr } = await done(["stop", "--data", data.path]);
      assert.equal(code, 1);
      assert.match(stderr, /sensor-b\.json is damaged; end the process that runs on .* by hand/);
      rmSync(path);
    }
    assert.match(await succeeded(["stop", "--data", data.path]), /^nothing runs on /);
    assert.deepEqual(recordsOf(data.path), []);
    assert.notEqual(birthOf(stranger.pid), null);
    stranger.kill("SIGKILL");
    await stranger.ended;
    assert.equal(birthOf(stranger.pid), null);
    assert.equal(birthOf(process.pid), birthOf(process.pid));
    await data.remove();
  });

  test("a server that cannot start says why, and nothing is left running", async () => {
    const data = dataDirectory();
    const port = await freePort();
    const env = { TIDEMARK_LOG: `kafka://127.0.0.1:${port}` };
    const ended = await done(["start", "--data", data.path, "--port", "0"], env);
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /Cannot start the server: it ended\n.*tidemark: Cannot /s);
    assert.match(await succeeded(["stop", "--data", data.path]), /^nothing runs on /);
    await data.remove();
  });

  test("SIGHUP opens the log files again, SIGUSR1 opens no debugger; both go on", async () => {
    const data = dataDirectory();
    const port = await freePort();
    await succeeded(["start", "--data", data.path, "--port", String(port), "--sensors", "a", "--simulate"]);
    while ((await countOf(data.path, "a")) === 0); // then both are where signals are handled
    for (const name of ["server", "sensor-a"]) {
      const { pid } = recordOf(data.path, name);
      const file = join(data.path, "run", `${name}.log`);
      renameSync(file, `${file}.moved`);
      process.kill(pid, "SIGUSR1");
      process.kill(pid, "SIGHUP");
      while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(readFileSync(file, "utf8"), "");
      assert.notEqual(birthOf(pid), null);
    }
    const stopped = await succeeded(["stop", "--data", data.path]);
    assert.match(stopped, /ended the server/);
    const log = readFileSync(join(data.path, "run", "server.log"), "utf8");
    assert.match(log, /Z closing: [^\n]*\n[^\n]*Z closed\n$/); // the lines since then, whole
    const moved = readFileSync(join(data.path, "run", "server.log.moved"), "utf8");
    assert.match(moved, /Z listening on /);
    assert.doesNotMatch(moved + log, /Debugger|inspector/i);
    await data.remove();
  });

  test("log files stay small", () => {
    const data = dataDirectory();
    const path = join(data.path, "x.log");
    writeFileSync(path, "x".repeat(5_000_000));
    rotate(path);
    assert.equal(readFileSync(path).length, 0);
    assert.equal(readFileSync(`${path}.1`).length, 5_000_000);
    writeFileSync(path, "short");
    rotate(path);
    assert.equal(readFileSync(path, "utf8"), "short");
    rotate(join(data.path, "none.log"));
    rmSync(data.path, { recursive: true });
  });
});

describe("watch", () => {
  test("plain lines without a terminal; SIGINT ends it with 0, a closed pipe too", async () => {
    const data = dataDirectory();
    await succeeded(["start", "--data", data.path, "--port", String(await freePort()), "--sensors", "a", "--simulate"]);
    const watching = tidemark(["watch", "--data", data.path]);
    await watching.until(/^\S+Z a count=[1-9]\d* mean=\d.* duplicates=0 quarantined=0 rejected=0\n/m);
    watching.kill("SIGINT");
    assert.deepEqual(await watching.ended.then(({ code, stderr }) => [code, stderr]), [0, ""]);
    const piped = launch("sh", ["-c", `${process.execPath} bin/tidemark.js watch --data ${data.path} | head -n 1`], {
      cwd: ROOT,
    });
    assert.deepEqual(await piped.ended.then(({ code, stderr }) => [code, stderr]), [0, ""]);
    await data.remove();
  });
});

describe("run", { skip: skipWithoutTerminal() }, () => {
  test("everything in one terminal: a table, and Ctrl-C ends all", async () => {
    const data = dataDirectory();
    const port = await freePort();
    const terminal = inTerminal(
      `${process.execPath} bin/tidemark.js run --simulate --data ${data.path} --port ${port}; echo "exit=$?"`,
      ROOT,
    );
    await terminal.until(/temperature +[1-9]\d* +\d+\.\d{3} /);
    assert.match(terminal.text(), /SENSOR +COUNT +MEAN +MIN +MAX +LAST +RATE/);
    assert.match(terminal.text(), /q or Ctrl-C ends everything/);
    const second = await done(["run", "--data", data.path]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /must have one server, process \d+ is one/);
    terminal.write("\x03");
    const text = await terminal.until(/exit=\d+/);
    assert.match(text, /ended humidity, pressure, temperature\r\nended the server .*\r\nexit=0/);
    await terminal.ended;
    assert.deepEqual(recordsOf(data.path), []);
    await data.remove();
  });

  test("a server that ends by itself ends all, and is told", async () => {
    const data = dataDirectory();
    const terminal = inTerminal(
      `${process.execPath} bin/tidemark.js run --data ${data.path} --port ${await freePort()}; echo "exit=$?"`,
      ROOT,
    );
    await terminal.until(/q or Ctrl-C/);
    process.kill(recordOf(data.path, "server").pid, "SIGKILL");
    const text = await terminal.until(/exit=\d+/);
    assert.match(text, /the server ended by itself: see .*server\.log\r\nexit=1/);
    await terminal.ended;
    assert.deepEqual(recordsOf(data.path), []);
    await data.remove();
  });
});
