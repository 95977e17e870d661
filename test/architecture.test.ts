/** Who may import whom, and what only some files may do: the rooms of the house, enforced. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { circlesOf } from "./architecture/circles.ts";
import { ROOT, readModules } from "./architecture/modules.ts";
import { ABOVE, ROOMS } from "./architecture/rooms.ts";

/** Files whose exports are for others than the files of this project. */
const ENTRIES: readonly string[] = [
  "src/index.ts", // the public API
  "src/client/connect.ts", // that of tidemark/client
  "test/run-reporter.ts", // node:test loads it
  "test/growth/burst.ts", // these are put into a copy of the sources
  "test/growth/busiest-commit.ts",
  "test/growth/push.ts",
];

const LINES_MAX = 400;

/** Files that may be longer, and why. */
const LONG: Readonly<Record<string, string>> = {
  "src/log/record-batch.ts": "one structure of bytes, read in one pass",
  "test/config/config.test.ts": "a line for each refusal of the command line",
  "test/formats/payloads.ts": "lists of what producers write",
  "test/suites/log-suite.ts": "one contract, which every log passes whole",
};

interface Line {
  readonly file: string;
  readonly number: number;
  readonly text: string;
}

const all = readModules();
const modules = all
  .filter(({ file }) => file.startsWith("src/"))
  .map((module) => ({ ...module, name: module.file.slice("src/".length) }));
const lines: Line[] = modules.flatMap(({ name }) =>
  readFileSync(join(ROOT, "src", name), "utf8")
    .split("\n")
    .map((text, index) => ({ file: name, number: index + 1, text })),
);

const isComment = (text: string) => /^\s*(\/\/|\/?\*)/.test(text);
const at = ({ file, number, text }: Line) => `src/${file}:${number}: ${text.trim()}`;
const roomOf = (file: string) => (file.includes("/") ? file.split("/")[0] : ABOVE);

/** Every import of a file of src by another one of src. */
const arrows = modules.flatMap(({ name, imports }) =>
  imports
    .filter(({ target }) => target.startsWith("src/"))
    .map(({ target, loaded, place }) => ({ from: name, to: target.slice("src/".length), loaded, place })),
);

test("rooms import only what the table allows", () => {
  const faults: string[] = [];
  for (const { from, to, place } of arrows) {
    const [room, other] = [roomOf(from), roomOf(to)];
    if (room === ABOVE || room === other || ROOMS[room]?.includes(other)) continue;
    faults.push(`${place}  (${room} must not import ${other})`);
  }
  assert.deepEqual(faults, []);
});

test("the table allows nothing that nobody does", () => {
  const used = new Set(arrows.map(({ from, to }) => `${roomOf(from)} → ${roomOf(to)}`));
  const allowed = Object.entries(ROOMS).flatMap(([room, others]) => others.map((other) => `${room} → ${other}`));
  assert.deepEqual(
    allowed.filter((arrow) => !used.has(arrow)),
    [],
  );
});

test("every room of src is in the table", () => {
  const rooms = new Set(modules.map(({ name }) => roomOf(name)));
  assert.deepEqual([...rooms].sort(), [ABOVE, ...Object.keys(ROOMS)].sort());
});

test("no circle of imports", () => {
  const circles = circlesOf(arrows.filter(({ loaded }) => loaded));
  assert.deepEqual(
    circles.map((circle) => circle.join(", ")),
    [],
  );
});

test("every export has an importer, or is the type of one that has", () => {
  const faults: string[] = [];
  for (const { file, exports } of all) {
    if (ENTRIES.includes(file)) continue;
    const importers = all.flatMap((other) =>
      other.file === file ? [] : other.imports.filter(({ target }) => target === file),
    );
    for (const { name, place, inSignature } of exports) {
      if (!inSignature && !importers.some(({ names }) => names === null || names.includes(name))) {
        faults.push(`${place}  (nobody imports ${name}: delete it, or its \`export\`)`);
      }
    }
  }
  assert.deepEqual(faults, []);
});

test("every export has a docstring", () => {
  const faults = modules.flatMap(({ exports }) => exports).filter(({ documented }) => !documented);
  assert.deepEqual(
    faults.map(({ name, place }) => `${place}  (a sentence in /** */ above ${name})`),
    [],
  );
});

test(`no file has more than ${LINES_MAX} lines, but for those listed`, () => {
  const long = all.filter(({ lines }) => lines > LINES_MAX).map(({ file }) => file);
  assert.deepEqual(long.sort(), Object.keys(LONG).sort());
});

const RULES: readonly { name: string; pattern: RegExp; allowed: RegExp; instead: string }[] = [
  {
    name: "Date.now",
    pattern: /\bDate\.now\b/,
    allowed: /^(core\/clock|client\/connect)\.ts$/,
    instead: "take a Clock",
  },
  { name: "Math.random", pattern: /\bMath\.random\b/, allowed: /^$/, instead: "take a Random (core/random.ts)" },
  {
    name: "process.env",
    pattern: /\bprocess\.env\b/,
    allowed: /^(config\/config|main|face\/now\/snippets)\.ts$/,
    instead: "read it in config/config.ts",
  },
  { name: "any", pattern: /(:|as|<)\s*any\b/, allowed: /^$/, instead: "parse unknown" },
  {
    name: "node:sqlite",
    pattern: /"node:sqlite"/,
    allowed: /^(store|identity|rollups|log\/embedded|pipeline|alerts)\/|^commands\/run-files/,
    instead: "use Database",
  },
  {
    name: "an import of node:http that is not of types",
    pattern: /^import (?!type ).*"node:http"|import\("node:http"\)/,
    allowed: /^$/,
    instead: "import core/node-http.ts: it leaves undici out",
  },
  { name: "fastify", pattern: /from "fastify"/, allowed: /^server\//, instead: "stay out of HTTP" },
  {
    name: "@platformatic/kafka",
    pattern: /"@platformatic\/kafka"/,
    allowed: /^(log\/kafka|doors\/simulator)\//,
    instead: "use the Log contract",
  },
];

for (const { name, pattern, allowed, instead } of RULES) {
  test(`${name} only where it is the business`, () => {
    const faults = lines.filter((line) => pattern.test(line.text) && !isComment(line.text) && !allowed.test(line.file));
    assert.deepEqual(
      faults.map((line) => `${at(line)}  (${instead})`),
      [],
    );
  });
}

test("no file is a drawer", () => {
  assert.deepEqual(
    modules.map(({ name }) => name).filter((name) => /(^|\/)(utils?|helpers?|types|misc|common)\.ts$/.test(name)),
    [],
  );
});
