/** Every command line of docs/CLI.md and of the commands' own help, as it stands there. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { COMMANDS } from "../../src/config/command-table.ts";
import { dataDirectory, freePort, launch, ROOT } from "./cli.ts";

/** They go on until they are ended. */
const ENDLESS: readonly string[] = ["run", "serve", "watch"];

/** Examples that fail on a server where nothing is wrong, and what they say. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  "tidemark skip temperature 0 --to 13": /^tidemark: Cannot skip in "temperature" partition 0: it must stand still/,
};

const folder = mkdtempSync(join(tmpdir(), "tidemark-cli-documents-"));
const data = dataDirectory();
let environment: Record<string, string> = {};

before(async () => {
  symlinkSync(join(ROOT, "scripts/tidemark"), join(folder, "tidemark"));
  const path = `${folder}:${process.env["PATH"] ?? ""}`;
  environment = { PATH: path, TIDEMARK_DATA: data.path, TIDEMARK_PORT: String(await freePort()) };
});
after(async () => {
  await launch("sh", ["-c", "tidemark stop; tidemark stop --data plants"], { cwd: folder, env: environment }).ended;
  await data.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function runs(line: string): Promise<void> {
  const { code, stdout, stderr } = await launch("sh", ["-ec", line], { cwd: folder, env: environment }).ended;
  const refused = REFUSED[line];
  if (refused === undefined) assert.equal(code, 0, `${line}\n${stdout}${stderr}`);
  else assert.match(stderr, refused, line);
}

test("docs/CLI.md", { timeout: 300_000 }, async () => {
  const document = readFileSync(join(ROOT, "docs/CLI.md"), "utf8");
  const blocks = [...document.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text]) => text);
  assert.ok(blocks.length > 6);
  for (const line of blocks.join("").trim().split("\n")) await runs(line);
});

test("the examples of every command's help", { timeout: 300_000 }, async () => {
  await runs("tidemark start");
  await runs(
    "tidemark send temperature 21.5; tidemark send humidity 1; tidemark send plant-1 2; tidemark send attic 3",
  );
  // The server on the data of others would be in the way of those that end it.
  const last = ["stop"];
  const names = COMMANDS.map(({ name }) => name);
  for (const name of [...names.filter((each) => !last.includes(each)), ...last]) {
    const command = COMMANDS.find((each) => each.name === name) ?? assert.fail();
    assert.ok(command.examples.length > 0, name);
    for (const example of command.examples) {
      const line = example.replace("5001", String(await freePort()));
      assert.ok(line.includes(`tidemark ${name}`), example);
      if (ENDLESS.includes(name)) await endless(line, name);
      else await runs(line);
    }
  }
});

/** It is ended as soon as it has said something, and then ends well. */
async function endless(line: string, name: string): Promise<void> {
  const own = name === "watch" ? {} : { TIDEMARK_DATA: join(folder, name), TIDEMARK_PORT: String(await freePort()) };
  const running = launch("sh", ["-ec", `exec ${line}`], { cwd: folder, env: { ...environment, ...own } });
  await running.until(/listening on|count=/);
  running.kill("SIGINT");
  const { code, stdout, stderr } = await running.ended;
  assert.equal(code, 0, `${line}\n${stdout}${stderr}`);
}
