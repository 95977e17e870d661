/** What a server tells its operator: sentences, or objects for machines, in the foreground and in a log file. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dataDirectory, succeeded, tidemark } from "./cli.ts";

interface Line {
  readonly level: string;
  readonly time: string;
  readonly pid: number;
  readonly event: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const linesOf = (text: string): Line[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Serves until it was sent readings of a new sensor, one with a key that is not read. */
async function served(format: string): Promise<{ stdout: string; stderr: string; pid: number }> {
  const data = dataDirectory();
  try {
    const args = ["--data", data.path, "--port", "0", "--token", "0123456789abcdef", "--log-format", format];
    const server = tidemark(["serve", ...args]);
    const [, url] = /listening on (\S+):/.exec(await server.until(/listening on \S+: .*\n/)) ?? [];
    const body = '{"value":1,"timestamp":"2020-01-13"}';
    const headers = { authorization: "Bearer 0123456789abcdef" };
    assert.equal((await fetch(`${url}/readings/attic`, { method: "POST", body, headers })).status, 200);
    await server.until(/the key `timestamp` is not read.*\n/);
    server.kill("SIGTERM");
    const { code, stdout, stderr } = await server.ended;
    assert.equal(code, 0, stderr);
    return { stdout, stderr, pid: server.pid };
  } finally {
    await data.remove();
  }
}

test("json: an object a line, of a kind, with a level and a time; nothing else", async () => {
  const { stdout, stderr, pid } = await served("json");
  assert.equal(stderr, "");
  const lines = linesOf(stdout);
  assert.deepEqual(
    lines.map(({ level, event }) => `${level} ${event}`),
    ["info settings", "info listening", "info following", "warn hint", "info closing", "info closed"],
  );
  for (const line of lines) {
    assert.equal(line.pid, pid);
    assert.equal(new Date(line.time).toISOString(), line.time);
  }
  const [settings, listening, following, hint] = lines;
  assert.equal((settings["settings"] as Record<string, string>)["token"], "set");
  assert.ok(!stdout.includes("0123456789abcdef"), "no secret");
  assert.match(String(listening["url"]), /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(following.msg, '"attic" is followed');
  assert.match(hint.msg, /^"attic": the key `timestamp` is not read/);
});

test("text: the same as sentences", async () => {
  const { stdout, stderr } = await served("text");
  assert.match(stdout, /^tidemark \S+: log local, host .*token set.*\nlistening on http:.*\nclosing: .*\nclosed\n$/);
  assert.match(stderr, /^tidemark: notice: "attic" is followed\ntidemark: notice: "attic": the key `timestamp`.*\n$/);
});

test("a background process writes them to its log file", async () => {
  const data = dataDirectory();
  try {
    const args = ["--data", data.path, "--port", "0"];
    await succeeded(["start", ...args, "--log-format", "json"]);
    const file = join(data.path, "run", "server.log");
    assert.deepEqual(
      linesOf(readFileSync(file, "utf8")).map(({ event }) => event),
      ["settings", "listening"],
    );
    await succeeded(["stop", "--data", data.path]);
    assert.equal(linesOf(readFileSync(file, "utf8")).at(-1)?.event, "closed");
  } finally {
    await data.remove();
  }
});
