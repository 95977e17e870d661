/** Completion in the shells themselves: Tab is pressed in a terminal, and the line is read from it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { dataDirectory, done, ROOT, succeeded, tidemark } from "./cli.ts";
import { skipWithoutTmux, TmuxScreen } from "./tmux.ts";

const data = dataDirectory();
const bin = mkdtempSync(join(tmpdir(), "tidemark-bin-"));
let server: ReturnType<typeof tidemark>;
let port = "";

before(async () => {
  symlinkSync(join(ROOT, "scripts/tidemark"), join(bin, "tidemark"));
  server = tidemark(["serve", "--data", data.path, "--port", "0"]);
  port = /listening on \S+:(\d+):/.exec(await server.until(/listening on \S+: /))?.[1] ?? assert.fail();
  for (const sensor of ["greenhouse", "attic-1"]) await succeeded(["send", sensor, "1", "--port", port]);
});
after(async () => {
  server.kill("SIGTERM");
  await server.ended;
  rmSync(bin, { recursive: true });
  await data.remove();
});

async function words(...line: readonly string[]): Promise<string[]> {
  const out = await succeeded(["completion", "words", "--", ...line]);
  return out.split("\n").flatMap((text) => (text === "" ? [] : [text.split("\t")[0]]));
}

describe("the words at the end of a line", () => {
  test("commands, options, their values, sensors of the server that the line names", async () => {
    for (const [line, some, none] of [
      [["q"], ["query", "series", "help"], ["--port"]],
      [["help", ""], ["query"], ["help"]],
      [
        ["query", "--"],
        ["--from", "--to-exclusive", "--help"],
        ["--sort", "greenhouse"],
      ],
      [["query", "--from", "-1h", "--"], ["--to"], ["--from"]],
      [["query", "--port", port, ""], ["greenhouse", "attic-1"], ["mean"]],
      [["query", "--port", port, "greenhouse", ""], ["greenhouse", "mean", "p95"], []],
      [["query", "--port", port, "greenhouse,"], ["greenhouse,attic-1"], ["attic-1"]],
      [["send", "--port", port, ""], ["greenhouse"], []],
      [["send", "--port", port, "greenhouse", ""], [], ["greenhouse"]],
      [["sensors", "--sort", ""], ["age", "held"], ["greenhouse"]],
      [["sensors", "--sort", "=", "a"], ["age"], []],
      [["series", "--metrics", "mean,"], ["mean,p95"], ["mean"]],
      [["series", "--timezone", "Eu"], ["Europe/Berlin"], []],
      [["serve", "--data", ""], [":directories"], []],
      [["quarantine", ""], ["list", "release"], []],
      [["completion", ""], ["bash", "zsh", "fish"], []],
      [["nothing", ""], [], ["query"]],
    ] as const) {
      const found = await words(...line);
      for (const word of some) assert.ok(found.includes(word), `${line.join(" ")}: ${word} in ${found}`);
      for (const word of none) assert.ok(!found.includes(word), `${line.join(" ")}: ${word}`);
    }
  });

  test("quiet where no server answers, and an unknown shell is told", async () => {
    const { code, stdout, stderr } = await done([
      "completion",
      "words",
      "--",
      "watch",
      "--url",
      "http://127.0.0.1:1",
      "",
    ]);
    assert.deepEqual([code, stdout, stderr], [0, "", ""]);
    const other = await done(["completion", "tcsh"]);
    assert.equal(other.code, 2);
    assert.match(other.stderr, /expected bash, zsh, fish\n$/);
  });
});

const SHELLS = [
  ["bash", "bash --norc --noprofile", "source <(tidemark completion bash)"],
  ["zsh", "zsh -f", "autoload -U compinit; compinit -u -D; source <(tidemark completion zsh)"],
  ["fish", "fish --no-config", "tidemark completion fish | source"],
] as const;

for (const [shell, start, source] of SHELLS) {
  const skip =
    skipWithoutTmux() ||
    (spawnSync(shell, ["--version"]).status === 0
      ? false
      : `no ${shell}: install ${shell} (scripts/ci-prepare.sh does)`);
  test(`Tab in ${shell}`, { skip }, async () => {
    const screen = new TmuxScreen(110, 24, start, bin);
    screen.keys(`${source}; echo rea''dy`, "Enter");
    await screen.until(/^ready/m);
    for (const [typed, whole] of [
      ["tidemark quer", "tidemark query"],
      ["tidemark series --sh", "tidemark series --shift"],
      [`tidemark query --port ${port} gree`, `tidemark query --port ${port} greenhouse`],
      [`tidemark query --port ${port} greenhouse mea`, `tidemark query --port ${port} greenhouse mean`],
      ["tidemark sensors --sort dup", "tidemark sensors --sort duplicates"],
      ["tidemark stop --data scri", "tidemark stop --data scripts"],
    ] as const) {
      screen.keys(typed, "Tab");
      await screen.until(new RegExp(`${whole.replace(/[.*]/g, "\\$&")}( |/|$)`, "m"));
      screen.keys("C-u");
    }
    screen.close();
  });
}
