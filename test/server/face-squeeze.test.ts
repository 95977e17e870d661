/** What a browser is given is the modules as they are written: Node's own printer says the same of both, and tricky texts run as before. */
import assert from "node:assert/strict";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { pathToFileURL } from "node:url";
import { joined } from "../../src/server/face-join.ts";
import { squeezed, squeezedStyle } from "../../src/server/face-squeeze.ts";

const SOURCES = join(import.meta.dirname, "../../src");

/** Parsed, and printed without comments in one form, whatever the spaces were. */
const printed = (text: string) => stripTypeScriptTypes(text, { mode: "transform" });

suite("a module that is squeezed", () => {
  test("is the same module, for each that a browser may be given", () => {
    const files = globSync("{core,face}/**/*.ts", { cwd: SOURCES });
    assert.ok(files.length > 60, `${files.length} files`);
    for (const file of files) {
      const text = stripTypeScriptTypes(readFileSync(join(SOURCES, file), "utf8"));
      const short = squeezed(text);
      assert.equal(printed(short), printed(text), file);
      assert.doesNotMatch(short, /^ |^\s*\/\/|^\s*\/?\*\*? |\n\n/m, file);
    }
  });

  // `@{` stands for a dollar and a brace.
  for (const [long, short] of [
    ["const a = `  @{b + `// @{ { c } . c }`} /* no */  `; // yes", "const a=`  @{b+`// @{{c}.c}`} /* no */  `;"],
    ["x = a / b / c; y = /[/'\"]\\/ {2}/g.test(a) ? 1 : 2;", "x=a/b/c;y=/[/'\"]\\/ {2}/g.test(a)?1:2;"],
    ["return / a/.test(x);", "return/ a/.test(x);"],
    ["a = b + +c - -d; e = f++ + ++g;", "a=b+ +c- -d;e=f++ + ++g;"],
    ["a = ')' // it's\n  + 'it\\'s /* no */';", "a=')'+'it\\'s /* no */';"],
    ["if (a) {\n  /* b */\n\n  c();\n} else d();", "if(a){\nc();\n}else d();"],
    ["for (const { a } of b) c . d ( #e in f );", "for(const{a}of b)c.d(#e in f);"],
    ["const a = (b) / 2, c = d[0] / 3 /1;", "const a=(b)/2,c=d[0]/3/1;"],
    ["s = `\\`\\@{a} $ @{ b }`;", "s=`\\`\\@{a} $ @{b}`;"],
  ]) {
    test(JSON.stringify(long), () => {
      const meant = (text: string) => text.replaceAll("@{", "$".concat("{"));
      assert.equal(squeezed(meant(long)), meant(short));
    });
  }

  test("style sheets keep what separates", () => {
    assert.equal(
      squeezedStyle(
        '/* a */\n.a,\n.b:hover > i {\n  margin: 0 1px;\n  content: "a: b";\n  background: red\n    url(x);\n}\n',
      ),
      '.a,\n.b:hover > i{\nmargin:0 1px;\ncontent:"a: b";\nbackground:red\nurl(x);\n}',
    );
  });
});

suite("modules that are joined", () => {
  const modules: Record<string, string> = {
    "face/app": 'import { PAGES } from "./pages.ts";\nglobalThis.loaded = PAGES.map((load) => load());\n',
    "face/pages":
      'export const PAGES = [() => import("./now/page.ts"), () => import("./one/page.ts"), () => import("./two/page.ts")];\n',
    "face/now/page": "export const page = 1;\n",
    "face/one/page": 'import { add as plus, One } from "../both.ts";\nexport const page = plus(One, 1);\n',
    "face/two/page":
      'import { add } from "../both.ts";\nimport { three } from "./three.ts";\nexport const page = add(three(), 3);\n',
    "face/two/three": "export function three() {\n  return 3;\n}\n",
    "face/both":
      "export const add = (a, b) => a + b;\nexport class One {\n  static valueOf() {\n    return 1;\n  }\n}\n",
    "face/docs/app": "",
  };

  test("are a file for the first page, one for each other, and what is shared is in the first", async (t) => {
    const files = joined((name) => modules[name]);
    assert.deepEqual([...files.keys()].sort(), ["app.js", "docs.js", "one.js", "two.js"]);
    const folder = mkdtempSync(join(tmpdir(), "tidemark-joined-"));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    for (const [name, text] of files) writeFileSync(join(folder, name), text);
    await import(pathToFileURL(join(folder, "app.js")).href);
    const pages = await Promise.all((globalThis as unknown as { loaded: Promise<{ page: number }>[] }).loaded);
    assert.deepEqual(
      pages.map(({ page }) => page),
      [1, 2, 6],
    );
    const app = files.get("app.js") ?? "";
    assert.match(app, /import\("\.\/one\.js"\)/);
    assert.match(app, /Promise\.resolve\(face_now_page\)/);
    assert.doesNotMatch(files.get("two.js") ?? "", /face_both=/);
  });

  test("that import otherwise are refused by name", () => {
    const other: typeof modules = { ...modules, "face/both": 'import * as all from "./two/three.ts";\n' };
    assert.throws(() => joined((name) => other[name]), /face\/both must import and export by names.*import \* as all/);
  });
});
