/**
 * What it takes to add to tidemark: a metric, a format, a part of a commit and a door, each with the files that it touches. They are added to
 * a copy of the sources, which has to pass the compiler and to work; CONTRIBUTING has the same files.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";

const ROOT = join(import.meta.dirname, "..");

interface Growth {
  readonly what: string;
  /** A new file, and the example that it is. */
  readonly added?: readonly [file: string, example: string];
  /** By file: a text that stands in it once, and what stands there instead. */
  readonly changed: Readonly<Record<string, readonly (readonly [from: string, to: string])[]>>;
}

const GROWTHS: readonly Growth[] = [
  {
    what: "a metric",
    changed: {
      "src/metrics/registry.ts": [
        [
          '  { name: "seconds",',
          '  { name: "lateShare", text: "late readings, of all", needs: PLAIN, read: unlessEmpty((a) => a.late / a.count) },\n  { name: "seconds",',
        ],
      ],
    },
  },
  {
    what: "a format",
    added: ["src/formats/burst.ts", "burst.ts"],
    changed: {
      "src/formats/decode.ts": [
        [
          'import { bareNumber } from "./bare-number.ts";',
          'import { bareNumber } from "./bare-number.ts";\nimport { burst } from "./burst.ts";',
        ],
        ["new Formats([json, influx, bareNumber])", "new Formats([json, influx, burst, bareNumber])"],
      ],
    },
  },
  {
    what: "a door",
    added: ["src/server/routes/push.ts", "push.ts"],
    changed: {
      "src/server/server.ts": [
        [
          'import { registerReadings } from "./routes/readings.ts";',
          'import { registerPush } from "./routes/push.ts";\nimport { registerReadings } from "./routes/readings.ts";',
        ],
        [
          "    registerErrorDocs(guarded);",
          "    registerErrorDocs(guarded);\n    registerPush(guarded, engine, options.log);",
        ],
      ],
    },
  },
  {
    what: "a part of a commit",
    added: ["src/pipeline/busiest-commit.ts", "busiest-commit.ts"],
    changed: {
      "src/pipeline/state.ts": [
        [
          'import { BOUNDS, type Bounds } from "./bounds.ts";',
          'import { BOUNDS, type Bounds } from "./bounds.ts";\nimport { BusiestCommit } from "./busiest-commit.ts";',
        ],
        [
          "horizon, clockOffset, history.revisions];",
          "horizon, clockOffset, history.revisions, new BusiestCommit(db, () => this.waitingReadings)];",
        ],
      ],
    },
  },
];

const copy = mkdtempSync(join(tmpdir(), "tidemark-grown-"));
after(() => rmSync(copy, { recursive: true }));

/** Imports of an example, `../../src/…`, as they are in its place. */
function inPlace(text: string, file: string): string {
  return text.replace(/"\.\.\/\.\.\/src\/([^"]+)"/g, (_, target: string) => {
    const room = dirname(file).slice("src/".length);
    if (target.startsWith(`${room}/`)) return `"./${target.slice(room.length + 1)}"`;
    return `"${"../".repeat(room.split("/").length)}${target}"`;
  });
}

function plant({ what, added, changed }: Growth): void {
  if (added !== undefined) {
    const [file, example] = added;
    writeFileSync(join(copy, file), inPlace(readFileSync(join(ROOT, "test/growth", example), "utf8"), file));
  }
  for (const [file, changes] of Object.entries(changed)) {
    const path = join(copy, file);
    let text = readFileSync(path, "utf8");
    for (const [from, to] of changes) {
      assert.equal(text.split(from).length, 2, `${what}: ${file} has this once: ${from}`);
      text = text.replace(from, () => to);
    }
    writeFileSync(path, text);
  }
}

test("a metric, a format, a door and a part of a commit are added, and work", () => {
  for (const path of ["src", "package.json", "tsconfig.json"])
    cpSync(join(ROOT, path), join(copy, path), { recursive: true });
  mkdirSync(join(copy, "test/growth"), { recursive: true });
  cpSync(join(ROOT, "test/growth/check.ts"), join(copy, "test/growth/check.ts"));
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  for (const growth of GROWTHS) plant(growth);
  const run = (program: string, args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: copy, encoding: "utf8", timeout: 60_000 });
    assert.equal(status, 0, stdout + stderr);
  };
  run(join(ROOT, "node_modules/.bin/tsc"), ["--noEmit"]);
  run(process.execPath, ["test/growth/check.ts"]);
});

test("CONTRIBUTING names the files that were touched", () => {
  const text = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
  for (const { what, added, changed } of GROWTHS) {
    const row = text.split("\n").find((line) => line.startsWith(`| ${what} |`)) ?? assert.fail(`no row for ${what}`);
    const [, , fresh, touched] = row.split("|");
    assert.deepEqual(
      [...fresh.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
      added === undefined ? [] : [`test/growth/${added[1]}`, `${dirname(added[0])}/`],
    );
    assert.deepEqual(
      [...touched.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
      Object.keys(changed),
    );
  }
});
