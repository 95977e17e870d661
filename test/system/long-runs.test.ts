/** The commands for runs that are too long for `make test`: they say what they can do, and what they were asked that they cannot. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import manifest from "../../package.json" with { type: "json" };

const ROOT = join(import.meta.dirname, "../..");

async function run(name: keyof typeof manifest.scripts, ...args: string[]) {
  const file = manifest.scripts[name].replace(/^node /, "");
  const child = spawn(process.execPath, [join(ROOT, file), ...args], { cwd: ROOT });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, code };
}

for (const [name, options] of [
  ["torture", ["--rounds N", "--kafka", "--data DIR", "scale"]],
  ["soak", ["--minutes M", "--rate N", "HOST:PORT"]],
  ["fuzz", ["--target T", "--inputs N"]],
  ["flips", ["--all", "--large", "--random N", "FILE.json"]],
  ["simulate", ["--histories N", "--jobs N", "PLAN.json"]],
  ["planted", ["--control", "PATTERN"]],
] as const) {
  test(`npm run ${name} has a help, and names what it does not know`, async () => {
    const [help, wrong] = await Promise.all([run(name, "--help"), run(name, "--wrong")]);
    assert.equal(help.code, 0);
    assert.equal(help.stderr, "");
    assert.match(help.stdout, new RegExp(`^npm run ${name} -- `));
    for (const option of options) assert.ok(help.stdout.includes(`  ${option} `), `${option} in ${help.stdout}`);
    assert.deepEqual(wrong, {
      code: 2,
      stdout: "",
      stderr: `Cannot run ${name}: unknown option '--wrong'; see npm run ${name} -- --help\n`,
    });
  });
}

test("what is asked wrongly is refused in a line, and nothing is done", async () => {
  const asked = [
    run("torture", "--rounds", "0"),
    run("torture", "localhost:9092"),
    run("soak", "--rate", "-1"),
    run("soak", "--minutes", "never"),
    run("fuzz", "--target", "moon"),
    run("simulate", "--jobs", "0"),
  ];
  for (const { code, stdout, stderr } of await Promise.all(asked)) {
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^Cannot run \w+: .+; see npm run \w+ -- --help\n$/);
  }
});
