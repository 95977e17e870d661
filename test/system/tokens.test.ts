/** Tokens of a real server: files, rotation as OPERATIONS.md has it, and that none is seen from outside. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dataDirectory, done, eventually, launch, ROOT, succeeded, tidemark } from "./cli.ts";

const READ = "reader-token-0123456789";
const WRITE = "writer-token-0123456789";
const ADMIN = "keeper-token-0123456789";

const urlOf = (text: string): string => `${/listening on (\S+):/.exec(text)?.[1] ?? assert.fail(text)}/`;

async function post(url: string, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}readings/temperature`, { method: "POST", body: "21.5", headers });
  await answer.text();
  return answer.status;
}

test("roles on the command line: who may not is told what was needed, and no token is seen", async () => {
  const data = dataDirectory();
  const file = join(data.path, "admin-tokens");
  const server = tidemark(["serve", "--data", data.path, "--port", "0"], {
    TIDEMARK_TOKEN_READ: READ,
    TIDEMARK_TOKEN_WRITE: WRITE,
    TIDEMARK_TOKEN_ADMIN_FILE: writeSecret(file, `${ADMIN}\n`),
  });
  const url = urlOf(await server.until(/listening on/));
  await succeeded(["send", "temperature", "21.5", "--url", url], { TIDEMARK_TOKEN: WRITE });
  const far = ["send", "temperature", "1", "--time", "2999-01-01", "--url", url];
  await succeeded(far, { TIDEMARK_TOKEN_WRITE: WRITE, TIDEMARK_TOKEN_READ: READ });
  await eventually(async () => {
    const listed = await succeeded(["quarantine", "--url", url], { TIDEMARK_TOKEN: READ });
    assert.match(listed, /2999-01-01/);
  });
  for (const [args, env, words] of [
    [["query", "temperature"], { TIDEMARK_TOKEN: WRITE }, /expected a token of the role read, was one of write/],
    [["watch"], { TIDEMARK_TOKEN: WRITE }, /403 Cannot serve GET \/live: expected a token of the role read/],
    [["send", "temperature", "1"], { TIDEMARK_TOKEN: READ }, /expected a token of the role write, was one of read/],
    [["sensor", "temperature", "--count", "1"], { TIDEMARK_TOKEN: WRITE }, /expected a token of the role read/],
    [
      ["quarantine", "release", "--all"],
      { TIDEMARK_TOKEN: READ },
      /expected a token of the role admin, was one of read/,
    ],
    [["export", "temperature"], { TIDEMARK_TOKEN: WRITE }, /expected a token of the role read/],
  ] as const) {
    const { code, stdout, stderr } = await done([...args, "--url", url], env);
    assert.equal(code, 1, `${args}: ${stdout}${stderr}`);
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /-token-/);
  }
  const released = ["quarantine", "discard", "--all", "--url", url, "--token-file", file];
  assert.match(await succeeded(released), /^discarded 1/);
  const arguments_ = readFileSync(`/proc/${server.pid}/cmdline`, "utf8");
  const exposed = await (await fetch(`${url}metrics`, { headers: { authorization: `Bearer ${READ}` } })).text();
  const record = readFileSync(join(data.path, "run", "server.json"), "utf8");
  assert.doesNotMatch(arguments_ + server.text() + exposed + record, /-token-0123456789/);
  assert.match(server.text(), /token to read, to write, to admin/);
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
  await data.remove();
});

test("rotation by the lines of OPERATIONS.md: no request is refused that has one of both", async () => {
  const page = readFileSync(join(ROOT, "docs/OPERATIONS.md"), "utf8");
  const [, block = ""] = /\*\*Rotation\*\*.*?```\n(.*?)```/s.exec(page) ?? [];
  const data = dataDirectory();
  const old = "the-old-token-0123456789";
  const file = writeSecret(join(data.path, "write-tokens"), `${old}\n`);
  const server = tidemark(["serve", "--data", data.path, "--port", "0", "--token-write-file", file]);
  const url = urlOf(await server.until(/listening on/));
  assert.deepEqual([await post(url, old), await post(url, WRITE)], [200, 401]);
  const lines = block.trimEnd().split("\n");
  assert.equal(lines.length, 4);
  let next = "";
  for (const [i, line] of lines.entries()) {
    const here = line.replace("/etc/tidemark/write-tokens", file);
    const command = here.replace("systemctl kill --signal=HUP tidemark", `kill -HUP ${server.pid}`);
    assert.notEqual(command, line);
    assert.equal((await launch("sh", ["-c", command]).ended).code, 0, command);
    if (i === 0) next = readFileSync(file, "utf8").trim().split("\n").at(-1) ?? "";
    if (i % 2 === 0) continue;
    await server.until(i === 1 ? /read the tokens again: 2 tokens valid/ : /read the tokens again: 1 token valid/);
    assert.deepEqual([await post(url, old), await post(url, next)], [i === 1 ? 200 : 401, 200], line);
  }
  writeFileSync(file, `${WRITE}\n`); // without a signal
  await eventually(async () => assert.deepEqual([await post(url, next), await post(url, WRITE)], [401, 200]));
  writeFileSync(file, "short\n");
  server.kill("SIGHUP");
  await server.until(/the tokens stay as they were: Cannot use --token-write-file: line 1 of \S+ must be a token/);
  assert.equal(await post(url, WRITE), 200);
  assert.doesNotMatch(server.text(), /0123456789|short\n/);
  assert.ok(!server.text().includes(next));
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
  await data.remove();
});

function writeSecret(path: string, text: string): string {
  writeFileSync(path, text);
  chmodSync(path, 0o600);
  return path;
}
