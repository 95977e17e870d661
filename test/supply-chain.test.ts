/** What is installed with tidemark: pinned, permissive and listed. Known holes: `npm run audit`, which asks the registry. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import { billOfMaterials, licenceOf, thirdParty } from "../scripts/bill-of-materials.ts";

const ROOT = resolve(import.meta.dirname, "..");
const read = (path: string) => JSON.parse(readFileSync(join(ROOT, path), "utf8"));

/** They ask for no more than that their notice stays. */
const PERMISSIVE = new Set([
  "MIT",
  "ISC",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
  "BlueOak-1.0.0",
  "CC0-1.0",
]);

interface Locked {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly license?: string;
}

describe("what is installed", () => {
  const bill = billOfMaterials();
  const locked = Object.entries(read("package-lock.json").packages as Record<string, Locked>).filter(
    ([path]) => path !== "",
  );

  test("versions are exact, and what is shipped is locked by its hash", () => {
    const { dependencies, devDependencies } = read("package.json");
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      assert.match(String(version), /^\d+\.\d+\.\d+$/, name);
    }
    for (const [path, { resolved, integrity, dev }] of locked) {
      if (dev !== true) assert.match(integrity ?? "", /^sha512-/, path);
      assert.equal(resolved, undefined, `${path}: from npm's registry, and no other place`);
    }
    assert.match(readFileSync(join(ROOT, ".npmrc"), "utf8"), /^save-exact=true$/m);
    assert.deepEqual(Object.keys(read("package.json").allowScripts), ["node"], "no other package runs scripts");
  });

  test("licences are permissive, those of the packages themselves, and all listed", () => {
    for (const component of bill.components) {
      assert.ok(PERMISSIVE.has(licenceOf(component)), `${component.name}: ${licenceOf(component)}`);
      const path = join("node_modules", component.name, "package.json");
      // Those of other machines are locked, and not here.
      if (!existsSync(join(ROOT, path)) || read(path).version !== component.version) continue;
      assert.equal(read(path).license, licenceOf(component), component.name);
    }
    assert.equal(readFileSync(join(ROOT, "THIRD-PARTY.md"), "utf8"), thirdParty(bill), "npm run licences writes it");
  });

  test("the bill of materials has all of it, and nothing twice", () => {
    const { bomFormat, specVersion, metadata, components, dependencies } = bill;
    assert.deepEqual([bomFormat, metadata.component.name], ["CycloneDX", "tidemark"]);
    assert.match(specVersion, /^1\.[5-9]$/);
    const named = (path: string) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const wanted = locked.flatMap(([path, { dev, version }]) =>
      dev === true || /^node(-bin-setup)?$/.test(named(path)) ? [] : `${named(path)}@${version}`,
    );
    const refs = components.map((component) => component["bom-ref"]);
    assert.deepEqual([...refs].sort(), [...new Set(wanted)].sort());
    for (const { name, version, purl, type, hashes = [] } of components) {
      assert.equal(purl, `pkg:npm/${name.replace("@", "%40")}@${version}`);
      assert.equal(type, "library");
      assert.ok(
        hashes.some(({ alg, content }) => alg === "SHA-512" && /^[0-9a-f]{128}$/.test(content)),
        name,
      );
    }
    const known = new Set([metadata.component["bom-ref"], ...refs]);
    for (const { ref, dependsOn } of dependencies) {
      for (const each of [ref, ...dependsOn]) assert.ok(known.has(each), each);
    }
    const reached = new Set<string>();
    const walk = (ref: string): void => {
      if (reached.has(ref)) return;
      reached.add(ref);
      for (const next of dependencies.find((one) => one.ref === ref)?.dependsOn ?? []) walk(next);
    };
    walk(metadata.component["bom-ref"]);
    assert.equal(reached.size, known.size, "each is there because of another");
    assert.equal(JSON.stringify(billOfMaterials()), JSON.stringify(bill), "the same each time");
  });

  test("it installs without running a script of anybody", () => {
    const folder = mkdtempSync(join(tmpdir(), "tidemark-install-"));
    for (const name of ["package.json", "package-lock.json", ".npmrc"]) {
      writeFileSync(join(folder, name), readFileSync(join(ROOT, name)));
    }
    const { status, stderr } = npm(["ci", "--ignore-scripts", "--omit=dev", "--dry-run", "--prefer-offline"], folder);
    assert.equal(status, 0, stderr);
    rmSync(folder, { recursive: true });
  });
});

function npm(args: readonly string[], cwd: string) {
  return spawnSync("npm", args, { cwd, encoding: "utf8", timeout: 60_000 });
}
