/** `make` from a copy of the tree: run, Ctrl-C, join, stop, reset, clean; and everything from nothing. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { eventually, freePort, inTerminal, launch, linkPackages, ROOT, skipWithoutTerminal } from "./cli.ts";

const TREE = ["Makefile", "package.json", "package-lock.json", ".npmrc", "bin", "scripts", "src"] as const;

/** A tree of its own, so that no test touches the dependencies or data of whoever runs it. */
function checkout(dependencies: boolean): string {
  const path = mkdtempSync(join(tmpdir(), "tidemark-make-"));
  for (const name of TREE) cpSync(join(ROOT, name), join(path, name), { recursive: true });
  if (dependencies) linkPackages(path);
  return path;
}

const trees: string[] = [];
after(() => {
  for (const path of trees) {
    spawnSync("make", ["-s", "stop"], { cwd: path });
    spawnSync("make", ["-s", "stop", "DATA=other"], { cwd: path });
    rmSync(path, { recursive: true, force: true });
  }
});

async function make(cwd: string, ...args: string[]) {
  return await launch("make", args, { cwd }).ended;
}

describe("make", { skip: skipWithoutTerminal() }, () => {
  const tree = checkout(true);
  trees.push(tree);

  test("run shows the table; Ctrl-C ends it with 0 and without noise, the rest goes on; run joins; stop ends", async () => {
    const port = await freePort();
    const terminal = inTerminal(`make run PORT=${port}; echo "exit=$?"`, tree);
    await terminal.until(/temperature +[1-9]\d* +\d+\.\d{3} /);
    terminal.write("\x03");
    const text = await terminal.until(/exit=\d+/);
    const tail = text.slice(text.lastIndexOf("ends this table"));
    assert.match(
      tail,
      /tidemark goes on in the background at http:\/\/127\.0\.0\.1:\d+; make stop \(or tidemark stop\) ends it\r\nexit=0/,
    );
    assert.doesNotMatch(text, /make(\[\d+\])?:|npm|Error|Interrupt/);
    await terminal.ended;

    const again = inTerminal(`make run; echo "exit=$?"`, tree);
    assert.match(await again.until(/temperature +\d+/), new RegExp(`runs already: http://127\\.0\\.0\\.1:${port} `));
    again.write("q");
    await again.until(/exit=0/);
    await again.ended;

    const refused = await make(tree, "reset", "FORCE=1");
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /Cannot reset: .*server runs on .*; end it first \(make stop\)/);
    assert.notEqual((await make(tree, "clean")).code, 0);
    assert.ok(existsSync(join(tree, "node_modules")));

    const stopped = await make(tree, "stop");
    assert.equal(stopped.code, 0, stopped.stderr);
    assert.match(stopped.stdout, /^ended humidity, pressure, temperature\nended the server /);
    assert.match((await make(tree, "stop")).stdout, /^nothing runs on /);
  });

  test("reset deletes the data after a yes, and nothing that is not tidemark's", async () => {
    writeFileSync(join(tree, "data", "mine.txt"), "keep");
    for (const name of ["history.db.damaged-1", "log.sums.damaged-2", "history.repaired-1.ndjson"]) {
      writeFileSync(join(tree, "data", name), "of a damaged disk");
    }
    const noTerminal = await make(tree, "reset");
    assert.notEqual(noTerminal.code, 0);
    assert.match(noTerminal.stderr, /expected FORCE=1/);
    const no = inTerminal(`make reset; echo "exit=$?"`, tree);
    await no.until(/Type "yes": /);
    no.write("no\r");
    await no.until(/nothing was deleted/);
    await no.ended;
    assert.ok(existsSync(join(tree, "data", "history.db")));
    const reset = await make(tree, "reset", "FORCE=1");
    assert.equal(reset.code, 0, reset.stderr);
    assert.match(reset.stdout, /deleted the readings and the history in .*; left mine\.txt/);
    assert.equal(readFileSync(join(tree, "data", "mine.txt"), "utf8"), "keep");
    assert.deepEqual(readdirSync(join(tree, "data")), ["mine.txt"]);
    const stranger = await make(tree, "reset", "FORCE=1", "DATA=src");
    assert.notEqual(stranger.code, 0);
    assert.match(stranger.stderr, /nothing in it is tidemark's/);
  });

  test("without a target it says what there is", async () => {
    const { code, stdout } = await make(tree);
    assert.equal(code, 0);
    assert.match(stdout, /make run \[LOG=kafka:/);
  });
});

describe("make from nothing", () => {
  test("installs what is needed once; stop and reset need nothing of it; clean keeps the data", {
    timeout: 600_000,
  }, async () => {
    const tree = checkout(false);
    trees.push(tree);
    // Nothing is installed to find that there is nothing to do.
    assert.match((await make(tree, "stop")).stdout, /^nothing runs on \.\/data\n$/);
    assert.match((await make(tree, "reset")).stdout, /^nothing to reset: there is no \.\/data\n$/);
    assert.ok(!existsSync(join(tree, "node_modules")));

    // What running needs is installed by a first command, by a link to it from elsewhere too; tools are not.
    const link = join(tree, "other place", "tidemark");
    mkdirSync(join(tree, "other place"));
    symlinkSync("../link", link);
    symlinkSync(join(tree, "scripts/tidemark"), join(tree, "link"));
    const first = await launch(link, ["query", "temperature", "--data", join(tree, "none")], { cwd: tmpdir() }).ended;
    assert.equal(first.stdout, "");
    assert.match(first.stderr, /^installing \(npm ci\) …\ntidemark: Cannot find a server: none runs on /);
    assert.ok(!existsSync(join(tree, "node_modules/typescript")));
    const version = spawnSync(join(tree, "node_modules/.bin/node"), ["-v"], { encoding: "utf8" }).stdout;
    assert.match(version, /^v24\./);
    const soon = new Date(Date.UTC(2099, 0, 1));
    utimesSync(join(tree, "package-lock.json"), soon, soon); // as a checkout does

    // Started by `make run` without a terminal: it goes on when the lines are no longer read.
    const running = launch("make", ["run", `PORT=${await freePort()}`, "DATA=other"], { cwd: tree });
    await running.until(/^\S+Z temperature count=[1-9]/m);
    assert.match(running.text(), /^started: http:\S+ with 3 simulated sensors \(log files in /);

    // Tools come to what is there, while a server runs from it, and are kept.
    const lock = readFileSync(join(tree, "package-lock.json"), "utf8");
    const tools = await make(tree, "install");
    assert.equal(tools.code, 0, tools.stderr);
    assert.match(tools.stdout, /^installing \(npm install --no-save\)/);
    assert.equal(readFileSync(join(tree, "package-lock.json"), "utf8"), lock);
    assert.equal(spawnSync(join(tree, "node_modules/.bin/tsc"), ["--version"], { cwd: tree }).status, 0);
    assert.equal((await make(tree, "install")).stdout, "");
    assert.equal(spawnSync("scripts/install.sh", { cwd: tree, encoding: "utf8" }).stdout, "");
    const watch = spawnSync("pgrep", ["-P", String(running.pid), "-f", "start --watch"], { encoding: "utf8" }).stdout;
    process.kill(Number(watch.trim()), "SIGINT");
    const ended = await running.ended;
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /tidemark goes on in the background/);
    // Without what was installed: what runs can still be ended.
    rmSync(join(tree, "node_modules"), { recursive: true });
    const stopped = await launch(link, ["stop", "--data", join(tree, "other")]).ended;
    assert.equal(stopped.code, 0, stopped.stderr);
    assert.match(stopped.stdout, /^ended humidity, pressure, temperature\nended the server /);

    const cleaned = await make(tree, "clean", "DATA=other");
    assert.equal(cleaned.code, 0, cleaned.stderr);
    assert.ok(!existsSync(join(tree, "node_modules")));
    assert.ok(!existsSync(join(tree, "other", "run", "server.log")));
    assert.ok(existsSync(join(tree, "other", "history.db")));
    const reset = await make(tree, "reset", "FORCE=1", "DATA=other");
    assert.equal(reset.code, 0, reset.stderr);
    assert.match(reset.stdout, /deleted the readings and the history in /);
    assert.equal((await make(tree, "clean")).code, 0);
    await eventually(() =>
      assert.deepEqual(
        readdirSync(tree).filter((name) => name.startsWith(".removed")),
        [],
      ),
    );
  });
});
