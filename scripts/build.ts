/**
 * `npm run build`: the package that others install, in build/package. JavaScript with types and source maps instead of TypeScript, as Node
 * strips no types below node_modules, and a package.json without what only a checkout needs.
 * `npm pack ./build/package` makes the tarball of it. Another folder may be named.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { billOfMaterials } from "./bill-of-materials.ts";

const ROOT = resolve(import.meta.dirname, "..");
const PACKAGE = resolve(process.argv[2] ?? join(ROOT, "build/package"));

/** The npm package that brings Node to a checkout: whoever installs tidemark has a Node. */
const ONLY_IN_CHECKOUT = "node";

/** Modules that others may import. */
const LIBRARY = "index";
const CLIENT = "client/connect";

/** What is as it is in the checkout. */
const COPIED = ["LICENSE", "README.md", "CHANGELOG.md", "THIRD-PARTY.md", "docs", "clients"];

/** A module's path where `tsc` leaves it alone: in the URLs of threads, in declarations, and in bin/. */
const MODULE_PATH = /(new URL\(|\bfrom |\bimport\()("\.[^"]+)\.ts"/g;

function emit(...args: readonly string[]): void {
  const { status } = spawnSync(join(ROOT, "node_modules/.bin/tsc"), [...args, "--outDir", join(PACKAGE, "dist")], {
    cwd: ROOT,
    stdio: "inherit",
  });
  if (status !== 0) process.exit(1);
}

/** The text with the paths of what was emitted. */
function rewritten(text: string): string {
  return text.replace(MODULE_PATH, '$1$2.js"').replaceAll('"../src/', '"../dist/');
}

function rewrite(pattern: string): void {
  for (const file of globSync(pattern, { cwd: PACKAGE })) {
    const path = join(PACKAGE, file);
    const text = readFileSync(path, "utf8");
    const changed = rewritten(text);
    if (changed !== text) writeFileSync(path, changed);
  }
}

/** Takes away declarations that nobody can reach from what the package exports. */
function dropUnreached(entries: readonly string[]): void {
  const reached = new Set(entries.map((entry) => join(PACKAGE, "dist", `${entry}.d.ts`)));
  for (const file of reached) {
    const next = readFileSync(file, "utf8").matchAll(/(?:\bfrom |\bimport\()"(\.[^"]+)\.js"/g);
    for (const [, specifier] of next) reached.add(join(dirname(file), `${specifier}.d.ts`));
  }
  for (const file of globSync("dist/**/*.d.ts", { cwd: PACKAGE })) {
    if (!reached.has(join(PACKAGE, file))) rmSync(join(PACKAGE, file));
  }
}

/** What `npm install` reads: the checkout's without tools, scripts and the Node of its own. */
function packageJson(): object {
  const own = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const { name, version, description, license, type, bin, dependencies } = own;
  const entry = (file: string) => ({ types: `./dist/${file}.d.ts`, default: `./dist/${file}.js` });
  return {
    name,
    version,
    description,
    license,
    type,
    bin,
    exports: { ".": entry(LIBRARY), "./client": entry(CLIENT), "./package.json": "./package.json" },
    types: `./dist/${LIBRARY}.d.ts`,
    files: ["bin", "dist", "sbom.cdx.json", ...COPIED.slice(2)],
    engines: { node: "^22.22.0 || >=24.0.0" },
    dependencies: Object.fromEntries(Object.entries(dependencies).filter(([each]) => each !== ONLY_IN_CHECKOUT)),
  };
}

rmSync(PACKAGE, { recursive: true, force: true });
mkdirSync(PACKAGE, { recursive: true });
// The page: modules that a browser loads as they are, with what is no module beside them.
if (existsSync(join(ROOT, "src/face"))) {
  emit("-p", "tsconfig.build-face.json");
  for (const file of globSync("face/**/*.{html,css,svg}", { cwd: join(ROOT, "src") })) {
    cpSync(join(ROOT, "src", file), join(PACKAGE, "dist", file));
  }
}
emit("-p", "tsconfig.build.json", "--removeComments");
emit(
  "-p",
  "tsconfig.build.json",
  "--declaration",
  "--emitDeclarationOnly",
  "--sourceMap",
  "false",
  "--inlineSources",
  "false",
);
for (const name of COPIED)
  if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(PACKAGE, name), { recursive: true });
cpSync(join(ROOT, "bin"), join(PACKAGE, "bin"), { recursive: true });
for (const pattern of ["dist/**/*.js", "dist/**/*.d.ts", "bin/*.js"]) rewrite(pattern);
dropUnreached([LIBRARY, CLIENT]);
writeFileSync(join(PACKAGE, "sbom.cdx.json"), `${JSON.stringify(billOfMaterials(), null, 2)}\n`);
writeFileSync(join(PACKAGE, "package.json"), `${JSON.stringify(packageJson(), null, 2)}\n`);
console.log(`made ${PACKAGE}; npm pack makes the tarball of it`);
