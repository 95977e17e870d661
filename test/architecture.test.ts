/** Who may import whom, and what only some files may do: the rooms of the house, enforced. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

const SRC = resolve(import.meta.dirname, "../src");

/** main, app and index: only the bodies of the commands may import them. */
const ABOVE = "the files above the rooms";

/** A room may import itself and these; the files above the rooms may import all. */
const ROOMS: Record<string, readonly string[]> = {
  core: [],
  runtime: ["core"],
  metrics: ["core"],
  formats: ["core"],
  store: ["core", "runtime"],
  log: ["core", "runtime", "store"],
  doors: ["core", "formats", "log"],
  rollups: ["core", "metrics", "store"],
  identity: ["core", "store"],
  engine: ["core", "metrics"],
  pipeline: ["core", "engine", "formats", "identity", "log", "metrics", "rollups", "store"],
  server: ["core", "doors", "engine", "metrics"],
  ui: ["core"],
  config: ["core", "metrics"],
  commands: ["core", "config", "doors", "log", "metrics", "runtime", "ui", ABOVE],
};

interface Line {
  readonly file: string;
  readonly number: number;
  readonly text: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const lines: Line[] = files.flatMap((file) =>
  readFileSync(join(SRC, file), "utf8")
    .split("\n")
    .map((text, index) => ({ file, number: index + 1, text })),
);

const isComment = (text: string) => /^\s*(\/\/|\/?\*)/.test(text);
const at = ({ file, number, text }: Line) => `src/${file}:${number}: ${text.trim()}`;

test("rooms import only what the table allows", () => {
  const faults: string[] = [];
  for (const line of lines) {
    const match = /(?:from|import)\s+"(\.[^"]+)"/.exec(line.text);
    const room = line.file.split("/")[0];
    if (match === null || !(room in ROOMS)) continue;
    const target = relative(SRC, resolve(SRC, dirname(line.file), match[1])).split("/");
    const other = target.length > 1 ? target[0] : ABOVE;
    if (other !== room && !ROOMS[room].includes(other)) faults.push(`${at(line)}  (${room} must not import ${other})`);
  }
  assert.deepEqual(faults, []);
});

test("every room of src is in the table", () => {
  const rooms = new Set(files.filter((file) => file.includes("/")).map((file) => file.split("/")[0]));
  assert.deepEqual(
    [...rooms].filter((room) => !(room in ROOMS)),
    [],
  );
});

const RULES: readonly { name: string; pattern: RegExp; allowed: RegExp; instead: string }[] = [
  { name: "Date.now", pattern: /\bDate\.now\b/, allowed: /^core\/clock\.ts$/, instead: "take a Clock" },
  { name: "Math.random", pattern: /\bMath\.random\b/, allowed: /^$/, instead: "take a Random (core/random.ts)" },
  {
    name: "process.env",
    pattern: /\bprocess\.env\b/,
    allowed: /^(config\/config|main)\.ts$/,
    instead: "read it in config/config.ts",
  },
  { name: "any", pattern: /(:|as|<)\s*any\b/, allowed: /^$/, instead: "parse unknown" },
  {
    name: "node:sqlite",
    pattern: /"node:sqlite"/,
    allowed: /^(store|identity|rollups|log\/embedded|pipeline)\/|^commands\/run-files/,
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
    files.filter((file) => /(^|\/)(utils?|helpers?|types|misc|common)\.ts$/.test(file)),
    [],
  );
});
