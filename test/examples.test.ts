/** The examples in docstrings run. Exports of src/ are there by their names, as are `assert` and `directory`, the path of an empty one. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { ROOT, readModules } from "./architecture/modules.ts";

/** The exports that people start from have one. */
const EXAMPLES_MIN = 20;

const directory = mkdtempSync(join(tmpdir(), "tidemark-examples-"));
after(() => rmSync(directory, { recursive: true }));

const modules = readModules().filter(({ file }) => file.startsWith("src/"));
const examples = modules.flatMap(({ file }) =>
  [
    ...readFileSync(join(ROOT, file), "utf8").matchAll(
      /^ \* @example\n \* ```ts\n((?: \*.*\n)*?) \* ```\n(?: \*.*\n)*? \*\/\nexport (?:async )?\w+ (\w+)/gm,
    ),
  ].map(([, code, name]) => ({ file, name, code: code.replace(/^ \* ?/gm, "") })),
);

/** The import of each export of src/ that the code names; of two files that export one name, that of the example is meant. */
function importsOf(code: string, home: string): string {
  const own = new Set([...code.matchAll(/^const ([^=]+)=/gm)].flatMap(([, names]) => names.match(/\w+/g) ?? []));
  const words = new Set(code.match(/\b[A-Za-z_]\w*\b/g)?.filter((word) => !own.has(word)));
  const found = new Map<string, string>();
  for (const { file, exports } of modules) {
    if (file === "src/index.ts") continue;
    for (const { name } of exports)
      if (words.has(name) && name !== "assert") found.set(name, found.get(name) === home ? home : file);
  }
  return [...found].map(([name, file]) => `import { ${name} } from "${pathToFileURL(join(ROOT, file))}";\n`).join("");
}

describe("examples", () => {
  for (const { file, name, code } of examples) {
    test(`${file}: ${name}`, async () => {
      const path = join(directory, `${name}.ts`);
      const given = [
        'import assert from "node:assert/strict";',
        importsOf(code, file),
        `const directory = ${JSON.stringify(join(directory, name))};`,
      ];
      mkdirSync(join(directory, name));
      writeFileSync(path, [...given, code].join("\n"));
      await import(pathToFileURL(path).href);
    });
  }

  test("of those that people start from", () => {
    assert.ok(examples.length >= EXAMPLES_MIN, `expected at least ${EXAMPLES_MIN}, was ${examples.length}`);
  });
});
