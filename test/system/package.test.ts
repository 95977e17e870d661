/** The package as others have it: made, packed, installed in an empty folder, and used there by the oldest versions of Node that it is for. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { freePort, inTerminal, launch, ROOT, type Running, skipWithoutTerminal } from "./cli.ts";
import { folderOfNode } from "./node-versions.ts";

/** The oldest of each line, as package.json of the package has them. */
const OLDEST = ["22.22.0", "24.0.2"];
/** One that it is not for. */
const TOO_OLD = "16.20.2";
const INSTALLED_BYTES_MAX = 30_000_000;
const TOKEN = "sixteen-or-more-characters";

const folder = mkdtempSync(join(tmpdir(), "tidemark-package-"));
const home = join(folder, "home");
const installed = join(home, "node_modules/tidemark");
after(() => rmSync(folder, { recursive: true, force: true }));

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  assert.equal(status, 0, `${command} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Blocks of code in docs/LIBRARY.md. */
function examples(language: string, url: string): string[] {
  const text = readFileSync(join(ROOT, "docs/LIBRARY.md"), "utf8").replaceAll("http://localhost:5000", url);
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].map(([, code]) => code);
}

/** Uses that a compiler has to take, and some that it must not (`@ts-expect-error` without an error is one). */
const TYPED = `
import { connect, open, TidemarkError, type LiveEvent, type Series } from "tidemark";
import { connect as alone } from "tidemark/client";
const history = await open("typed");
await history.append("x", [1, { value: 3, time: new Date() }]);
const { x } = history.compute({ x: ["count", "p95"] });
const count: number | null = x.count;
// @ts-expect-error it was not asked for
x.mean;
// @ts-expect-error there is no such metric
const wrong = () => history.compute({ x: ["countt"] });
const { series }: Series<"mean" | "min" | "max"> = await history.series({ sensors: "x" });
// @ts-expect-error it was not asked for
series.x.count;
const meanOf = ({ sensors }: LiveEvent): number | null => sensors[0].mean;
await history.close();
const failed = await connect("http://127.0.0.1:1").send("x", 1, { withinMs: 0 }).catch((error: unknown) => error);
console.log(count, failed instanceof TidemarkError && failed.code, typeof alone, typeof wrong, typeof meanOf);
`;

before(
  () => {
    run(process.execPath, [join(ROOT, "scripts/build.ts"), join(folder, "package")], ROOT);
    run("npm", ["pack", "./package", "--silent"], folder);
    mkdirSync(home);
    writeFileSync(join(home, "package.json"), '{"private":true,"type":"module"}');
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
    run("npm", ["install", `../${tarball}`, "--prefer-offline", "--no-audit", "--no-fund"], home);
  },
  { timeout: 300_000 },
);

describe("the package", () => {
  test("is JavaScript with types and source maps, small, without a Node of its own", () => {
    const files = filesBelow(installed).map((file) => file.slice(installed.length + 1));
    assert.deepEqual(
      files.filter((file) => /(?<!\.d)\.ts$/.test(file)),
      [],
    );
    for (const file of [
      "bin/tidemark.js",
      "dist/index.js",
      "dist/index.js.map",
      "dist/index.d.ts",
      "LICENSE",
      "THIRD-PARTY.md",
      "sbom.cdx.json",
    ]) {
      assert.ok(files.includes(file), file);
    }
    const sources = JSON.parse(readFileSync(join(installed, "dist/app.js.map"), "utf8"));
    assert.match(sources.sourcesContent[0], /^\/\*\* The composition root/);
    const { dependencies, devDependencies, scripts } = JSON.parse(
      readFileSync(join(installed, "package.json"), "utf8"),
    );
    assert.deepEqual([dependencies.node, devDependencies, scripts], [undefined, undefined, undefined]);
    assert.ok(!readdirSync(join(home, "node_modules")).some((name) => /^node(-bin|$)/.test(name)));
    const bytes = filesBelow(join(home, "node_modules")).reduce((sum, file) => sum + statSync(file).size, 0);
    assert.ok(bytes < INSTALLED_BYTES_MAX, `installed must be < ${INSTALLED_BYTES_MAX} bytes, was ${bytes}`);
  });

  test("its types are those of what it answers", () => {
    const compilerOptions = {
      module: "nodenext",
      target: "es2023",
      strict: true,
      types: ["node"],
      typeRoots: [join(ROOT, "node_modules/@types")],
    };
    writeFileSync(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions }));
    writeFileSync(join(home, "typed.ts"), TYPED);
    for (const [i, code] of examples("ts", "http://localhost:5000").entries()) {
      writeFileSync(join(home, `example-${i}.ts`), code);
    }
    run(join(ROOT, "node_modules/.bin/tsc"), ["-p", ".", "--outDir", "out"], home);
  });

  test("is also the command of all users", { timeout: 120_000 }, () => {
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
    const prefix = join(folder, "global");
    const options = ["--global", "--prefix", prefix, "--prefer-offline", "--no-audit", "--no-fund"];
    run("npm", ["install", `./${tarball}`, ...options], folder);
    assert.match(run(process.execPath, [join(prefix, "bin/tidemark"), "--version"], folder), /^tidemark \d/);
  });

  test("a Node that is too old gets one line", async (t) => {
    const node = await folderOfNode(TOO_OLD);
    if (node === null) return t.skip(`no Node ${TOO_OLD} from npm`);
    const { status, stdout, stderr } = spawnSync(join(node, "node"), [join(installed, "bin/tidemark.js"), "run"], {
      encoding: "utf8",
    });
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /^tidemark: Node\.js 22\.22 or later .* this is v16\.20\.2: .*\n$/);
  });

  test("a checkout does not pack itself by accident", () => {
    const { status, stderr } = spawnSync("npm", ["pack", "--dry-run"], { cwd: ROOT, encoding: "utf8" });
    assert.notEqual(status, 0);
    assert.match(stderr, /npm run build && npm pack \.\/build\/package/);
  });

  for (const version of OLDEST) {
    describe(`with Node ${version}`, async () => {
      const node = await folderOfNode(version);
      const skip = node === null ? `no Node ${version} from npm` : false;
      const env = { PATH: `${node}${delimiter}${process.env["PATH"]}` };
      const inHome = (command: string, ...args: readonly string[]): Running =>
        launch(command, args, { cwd: home, env });
      const tidemark = (...args: readonly string[]): Running => inHome("node_modules/.bin/tidemark", ...args);

      test("a server takes readings, answers, and shows the page", { skip, timeout: 120_000 }, async () => {
        const data = join(folder, `data-${version}`);
        const options = ["serve", "--data", data, "--port", "0", "--token", TOKEN];
        const serve = inHome("npx", "--no-install", "tidemark", ...options);
        const [, url] = /listening on (http:\S+):/.exec(await serve.until(/listening on \S+/)) ?? [];
        const headers = { authorization: `Bearer ${TOKEN}` };
        const page = await fetch(new URL("/", url), { headers });
        assert.equal(page.status, 200);
        const app = await (await fetch(new URL("/page/app.js", url), { headers })).text();
        const pages = [...app.matchAll(/import\("\.\/(\w+\.js)"\)/g)].map(([, name]) => `page/${name}`);
        const linked = [...(await page.text()).matchAll(/(?:src|href)="(page\/[^"]+\.js)"/g)].map(([, path]) => path);
        assert.ok(linked.length > 0 && pages.length > 2, `${linked}, ${pages}`);
        for (const path of [...linked, ...pages]) {
          const module = await fetch(new URL(path, url), { headers });
          assert.match(module.headers.get("content-type") ?? "", /^text\/javascript/, path);
        }
        assert.equal((await fetch(new URL("/docs/ERRORS.md", url), { headers })).status, 200);
        for (const i of examples("ts", "").keys()) {
          const code = readFileSync(join(home, `out/example-${i}.js`), "utf8");
          writeFileSync(join(home, "out/example.js"), code.replaceAll("http://localhost:5000", url ?? ""));
          const ran = await inHome("node", "--disable-warning=ExperimentalWarning", "out/example.js").ended;
          assert.deepEqual([ran.code, ran.stderr], [0, ""], `example ${i}`);
          assert.notEqual(ran.stdout, "");
        }
        rmSync(join(home, "history"), { recursive: true });
        const asked = await tidemark("query", "temperature", "count", "--url", url ?? "", "--token", TOKEN).ended;
        assert.match(asked.stdout, /temperature +3/);
        const stopped = await tidemark("stop", "--data", data).ended;
        assert.equal(stopped.code, 0, stopped.stderr);
        const ended = await serve.ended;
        assert.deepEqual([ended.code, ended.stderr], [0, 'tidemark: notice: "temperature" is followed\n']);
      });

      test("run shows simulated sensors, start goes on in the background", {
        skip: skip || skipWithoutTerminal(),
        timeout: 120_000,
      }, async () => {
        const options = `--demo --data ${join(folder, `run-${version}`)} --port ${await freePort()}`;
        const terminal = inTerminal(`npx --no-install tidemark run ${options}; echo "exit=$?"`, home, env);
        await terminal.until(/pressure +[1-9]/);
        terminal.write("\x03");
        await terminal.until(/exit=0/);
        await terminal.ended;
        const data = join(folder, `start-${version}`);
        const started = await tidemark("start", "--data", data, "--port", "0").ended;
        assert.deepEqual([started.code, started.stderr], [0, ""]);
        assert.match((await tidemark("stop", "--data", data).ended).stdout, /ended the server/);
        const log = readFileSync(join(data, "run/server.log"), "utf8");
        assert.doesNotMatch(log, /Warning/);
      });

      test("the library does what its types say", { skip, timeout: 60_000 }, async () => {
        const { code, stdout, stderr } = await inHome("node", "out/typed.js").ended;
        assert.equal(code, 0, stderr);
        assert.equal(stdout, "2 server-unreachable function function function\n");
        rmSync(join(home, "typed"), { recursive: true });
      });
    });
  }

  test("the Python examples run", { timeout: 60_000 }, async (t) => {
    if (spawnSync("python3", ["--version"]).status !== 0) return t.skip("no python3");
    const data = join(folder, "data-python");
    const node = process.execPath;
    const serve = launch(node, [
      join(installed, "bin/tidemark.js"),
      "serve",
      "--data",
      data,
      "--port",
      "0",
      "--token",
      TOKEN,
    ]);
    const [, url] = /listening on (http:\S+):/.exec(await serve.until(/listening on \S+/)) ?? [];
    for (const code of examples("python", url ?? "")) {
      const env = { PYTHONPATH: join(installed, "clients/python"), PYTHONDONTWRITEBYTECODE: "1" };
      const ran = await launch("python3", ["-c", code], { cwd: home, env }).ended;
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stdout, /snapshot 2\n$/);
    }
    serve.kill("SIGTERM");
    assert.equal((await serve.ended).code, 0);
  });
});
