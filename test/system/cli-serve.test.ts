/** `tidemark serve`: signals, owners, ports; what was acknowledged is there after it ended, however it ended. */
import assert from "node:assert/strict";
import { cpSync, existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { copyWith } from "../torture/broken-copy.ts";
import { dataDirectory, done, freePort, launch, ROOT, succeeded, tidemark } from "./cli.ts";

async function count(url: string, sensor = "temperature"): Promise<unknown> {
  const response = await fetch(`${url}/compute/metrics`, {
    method: "POST",
    body: JSON.stringify({ [sensor]: ["count"] }),
  });
  const { result } = JSON.parse(await response.text());
  return result[sensor].count;
}

async function send(url: string, lines: readonly string[]): Promise<void> {
  const response = await fetch(`${url}/readings/temperature`, { method: "POST", body: lines.join("\n") });
  assert.equal(response.status, 200, await response.text());
}

async function counted(url: string, wanted: number): Promise<void> {
  while ((await count(url)) !== wanted);
}

const urlOf = (text: string): string => /listening on (\S+):/.exec(text)?.[1] ?? assert.fail(text);

describe("serve", () => {
  test("takes in, ends on SIGTERM and SIGINT with 0, and answers the same afterwards", async () => {
    const data = dataDirectory();
    const lines = Array.from(
      { length: 2000 },
      (_, i) => `{"sequence":${i},"value":${i % 7},"time":${1.6e12 + i * 500}}`,
    );
    for (const [signal, extra] of [
      ["SIGTERM", 0],
      ["SIGINT", 1],
      ["SIGHUP", 2],
    ] as const) {
      const server = tidemark(["serve", "--data", data.path, "--port", "0"]);
      const url = urlOf(await server.until(/listening on \S+: sensors as they appear, log local, data \S+\n/));
      // The same readings again are duplicates; one more each time is not.
      await send(url, [...lines, ...[...Array(extra).keys()].map((i) => `{"sequence":${9000 + i},"value":1}`)]);
      await counted(url, 2000 + extra);
      assert.equal(
        await succeeded(["query", "temperature", "count", "--data", data.path]).then(lastWord),
        String(2000 + extra),
      );
      // Two a second for 1,000 s from 2020-09-13 12:26:40Z on.
      const noon = ["query", "temperature", "count", "--data", data.path, "--to", "2020-09-13 12:33:19"];
      assert.equal(lastWord(await succeeded([...noon, "--timezone", "UTC"])), "800");
      assert.equal(lastWord(await succeeded([...noon, "--timezone", "Asia/Tokyo"])), "0");
      const before = [...noon.slice(0, -2), "--to-exclusive", "2020-09-13 12:33:19", "--timezone", "UTC"];
      assert.equal(lastWord(await succeeded(before)), "798");
      server.kill(signal);
      const { code, stdout, stderr } = await server.ended;
      assert.equal(code, 0, stderr);
      assert.match(stdout, /closing: nothing more is taken in, the history is committed\nclosed\n$/);
      assert.ok(!existsSync(join(data.path, "run", "server.json")));
    }
    await data.remove();
  });

  test("kill -9: what was acknowledged is counted once by the next one", async () => {
    const data = dataDirectory();
    const lines = Array.from({ length: 500 }, (_, i) => `{"sequence":${i},"value":${i}}`);
    let server = tidemark(["serve", "--data", data.path, "--port", "0"]);
    await send(urlOf(await server.until(/listening on/)), lines);
    server.kill("SIGKILL");
    await server.ended;
    server = tidemark(["serve", "--data", data.path, "--port", "0"]);
    const url = urlOf(await server.until(/listening on/));
    await counted(url, 500);
    server.kill("SIGTERM");
    assert.equal((await server.ended).code, 0);
    await data.remove();
  });

  test("a second owner is refused by name of the first, a port in use by what to do", async () => {
    const data = dataDirectory();
    const other = dataDirectory();
    const server = tidemark(["serve", "--data", data.path, "--port", "0"]);
    const url = urlOf(await server.until(/listening on/));
    const owned = await done(["serve", "--data", data.path, "--port", "0"]);
    assert.equal(owned.code, 1);
    assert.match(
      owned.stderr,
      new RegExp(`^tidemark: Cannot use .*must have one owner, was taken by process ${server.pid}\n`),
    );
    assert.match(owned.stderr, /tidemark stop ends it/);
    const blocked = await done(["serve", "--data", other.path, "--port", new URL(url).port]);
    assert.equal(blocked.code, 1);
    assert.match(blocked.stderr, /^tidemark: Cannot listen on 127\.0\.0\.1:\d+: another process uses the port/);
    assert.doesNotMatch(owned.stderr + blocked.stderr, /\.ts:\d+/); // no stack
    server.kill("SIGTERM");
    await server.ended;
    await data.remove();
    await other.remove();
  });

  test("usage errors end with 2, operating errors with 1, before anything is opened", async () => {
    const data = dataDirectory();
    for (const [args, code, words] of [
      [["serve", "--prot", "1"], 2, /^tidemark: Cannot use --prot: .*did you mean --port\?/],
      [["serve", "--host", "0.0.0.0", "--data", data.path], 1, /^tidemark: Cannot listen on 0\.0\.0\.0/],
      [
        ["query", "temperature", "--url", `http://127.0.0.1:${await freePort()}`],
        1,
        /^tidemark: Cannot reach http.*\n.*tidemark start/,
      ],
      [
        ["query", "temperature", "--data", data.path],
        1,
        /^tidemark: Cannot find a server: none runs on \/.*\n.*tidemark start/,
      ],
      [["watch", "--data", data.path], 1, /^tidemark: Cannot find a server: none runs on /],
      [["nothing"], 2, /^tidemark: Cannot do "nothing"/],
    ] as const) {
      const ended = await done(args);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, words);
    }
    assert.ok(!existsSync(join(data.path, "lock.db")));
    assert.match(await succeeded(["--version"]), /^tidemark \d+\.\d+\.\d+ \(Node v2\d/);
    assert.match(await succeeded(["serve", "--help"]), /^Usage: tidemark serve/);
    await data.remove();
  });

  test("a disk thread that does not start is one line, not an unsettled await", async () => {
    const copy = dataDirectory();
    for (const [file, words] of [
      ["src/store/disk-thread-side.ts", /^tidemark: Cannot start the thread that waits for the disk: planted\n$/],
      ["src/log/embedded/writer-thread.ts", /^tidemark: Cannot write \S+log\.db: planted\n$/],
    ] as const) {
      const tree = join(copy.path, file.replaceAll("/", "-"));
      copyWith(tree, {
        name: file,
        file,
        changes: [[`"node:worker_threads";`, `"node:worker_threads";\nthrow new Error("planted");`]],
      });
      cpSync(join(ROOT, "bin"), join(tree, "bin"), { recursive: true });
      const args = ["bin/tidemark.js", "serve", "--data", join(tree, "data"), "--port", "0"];
      const { code, stderr } = await launch(process.execPath, args, { cwd: tree }).ended;
      assert.equal(code, 1, stderr);
      assert.match(stderr, words);
    }
    await copy.remove();
  });

  test("with a token: clients that have it", async () => {
    const data = dataDirectory();
    const token = "0123456789abcdefTOKEN";
    const server = tidemark(["serve", "--data", data.path, "--port", "0"], { TIDEMARK_TOKEN: token });
    const url = urlOf(await server.until(/listening on/));
    const without = await done(["query", "temperature", "--url", url]);
    assert.equal(without.code, 1);
    assert.match(without.stderr, /^tidemark: Cannot query: http\S+ lets in only who has its token\n.*TIDEMARK_TOKEN/);
    const sent = await succeeded(
      ["sensor", "temperature", "--url", url, "--from", "2020-01-13 15:12", "--count", "61", "--timezone", "UTC"],
      { TIDEMARK_TOKEN: token },
    );
    assert.match(sent, /61 measured, 61 acknowledged, 0 waiting\n$/);
    await assert.rejects(counted(url, 61)); // fetch without it
    for (let out = ""; !/\b61\b/.test(out); ) {
      out = await succeeded(["query", "temperature", "count", "--url", url], { TIDEMARK_TOKEN: token });
    }
    assert.doesNotMatch(server.text() + sent, /TOKEN/);
    server.kill("SIGTERM");
    await server.ended;
    await data.remove();
  });

  test("a port that something else has is never sent readings to", async () => {
    const data = dataDirectory();
    let connections = 0;
    const stranger = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((ready) => stranger.listen(0, "127.0.0.1", ready));
    const address = stranger.address();
    assert.ok(address !== null && typeof address === "object");
    const started = await done(["start", "--data", data.path, "--port", String(address.port)]);
    assert.equal(started.code, 1);
    assert.match(started.stderr, /Cannot start the server: it ended\n.*another process uses the port/s);
    assert.equal(connections, 0);
    stranger.close();
    await data.remove();
  });
});

function lastWord(text: string): string {
  return (text.trim().split(/\s+/).at(-1) ?? "").replaceAll(",", "");
}
