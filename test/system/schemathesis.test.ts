/** The API against a fuzzer that nobody here wrote: Schemathesis makes requests of the description, good and bad, and checks what comes back. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findPythonWith } from "../kafka/foreign.ts";
import { launch, tidemark } from "./cli.ts";

/** The program, and how many requests of a kind it makes up for each operation: the whole takes some 15 s. */
const PACKAGES = ["schemathesis==4.32.5"];
const EXAMPLES = 10;

const TOKEN = "0123456789abcdef";

test("Schemathesis finds nothing, with all of its checks", async (t) => {
  const python = await findPythonWith(PACKAGES);
  if ("missing" in python) return t.skip(python.missing);
  const directory = mkdtempSync(join(tmpdir(), "tidemark-schemathesis-"));
  for (const name of ["schemathesis.toml", "schemathesis_hooks.py"]) {
    cpSync(join(import.meta.dirname, name), join(directory, name));
  }
  const server = tidemark(
    ["serve", "--data", join(directory, "data"), "--port", "0", "--sensors", "temperature,humidity,pressure,influx"],
    { TIDEMARK_TOKEN: TOKEN },
  );
  t.after(async () => {
    server.kill("SIGTERM");
    await server.ended;
    rmSync(directory, { recursive: true });
  });
  const port = /listening on http\S+:(\d+)/.exec(await server.until(/listening on \S+: /))?.[1];
  const chosen = ["--seed", "1", "--generation-database", "none", "--max-examples", String(EXAMPLES)];
  const shown = ["--no-color", "--continue-on-failure", "--request-timeout", "10"];
  const { code, stdout, stderr } = await launch(
    python.path,
    [
      "-m",
      "schemathesis.cli",
      "run",
      `http://localhost:${port}/openapi.json`,
      "-H",
      `Authorization: Bearer ${TOKEN}`,
      ...chosen,
      ...shown,
    ],
    { cwd: directory },
  ).ended;
  assert.equal(code, 0, stdout + stderr);
  const { passed = "0", generated } = /(?<generated>\d+) generated, (?<passed>\d+) passed/.exec(stdout)?.groups ?? {};
  assert.ok(Number(passed) >= 1000 && passed === generated, stdout);
  assert.doesNotMatch(server.text(), /BUG/);
});
