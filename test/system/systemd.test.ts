/** The unit file: systemd itself reads it, its command is one that tidemark takes, and its settings come from the environment as said. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { loadConfig } from "../../src/config/config.ts";
import { ROOT } from "./cli.ts";

const unit = readFileSync(join(ROOT, "deploy/tidemark.service"), "utf8");

/** The values of a key, in their order. */
const valuesOf = (key: string): string[] =>
  [...unit.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value]) => value);

describe("deploy/tidemark.service", () => {
  const isThere = spawnSync("systemd-analyze", ["--version"]).status === 0;

  test("systemd finds nothing wrong in it", { skip: !isThere && "needs systemd-analyze (Debian: systemd)" }, () => {
    const directory = mkdtempSync(join(tmpdir(), "tidemark-unit-"));
    // Only the program's place differs: systemd looks whether it is there.
    const program = join(directory, "tidemark");
    symlinkSync(join(ROOT, "scripts/tidemark"), program);
    const file = join(directory, "tidemark.service");
    writeFileSync(file, unit.replace("/usr/local/bin/tidemark", program));
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", file], { encoding: "utf8" });
    rmSync(directory, { recursive: true });
    const own = (stdout + stderr).split("\n").filter((line) => line.includes("tidemark"));
    assert.deepEqual(own, []);
    assert.equal(status, 0, stdout + stderr);
  });

  test("its command is one that tidemark takes, with settings from the environment", () => {
    const [start] = valuesOf("ExecStart");
    const [, ...args] = start.split(" ");
    const environment = { TIDEMARK_TOKEN: "a-token-of-16-or-more", TIDEMARK_HOST: "0.0.0.0" };
    const { invocation, warnings } = loadConfig(args, environment, "/");
    assert.ok(invocation.command === "serve");
    const { data, tokens, hosts } = invocation.config;
    assert.deepEqual(
      [data, tokens.flatMap(({ texts }) => texts), hosts, warnings],
      ["/var/lib/tidemark", [environment.TIDEMARK_TOKEN], ["0.0.0.0"], []],
    );
    assert.deepEqual(valuesOf("StateDirectory"), ["tidemark"]);
    assert.deepEqual(valuesOf("Restart"), ["always"], "it comes back by itself");
  });
});
