/**
 * What tidemark is made of beside its own sources, read from package-lock.json by `npm sbom` (CycloneDX 1.5, cyclonedx.org):
 * `node scripts/bill-of-materials.ts` prints the bill, `--licences` writes THIRD-PARTY.md. `npm run build` puts both into the package.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");

/** The npm package that brings Node to a checkout: whoever installs tidemark has a Node. */
const ONLY_IN_CHECKOUT = "node";

/** A package in the bill. */
export interface Component {
  readonly "bom-ref": string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly { readonly license?: { readonly id: string }; readonly expression?: string }[];
}

/** As CycloneDX has it. */
export interface Bill {
  readonly bomFormat: "CycloneDX";
  readonly specVersion: string;
  readonly version: number;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/**
 * The bill of what is installed with the package. The same lock file gives the same bytes: no time, no random number.
 * `npm sbom --omit dev` leaves out what a tool needs, too; so it is walked from our own dependencies here.
 */
export function billOfMaterials(): Bill {
  const args = ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"];
  const { status, stdout, stderr } = spawnSync("npm", args, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot make the bill of materials: npm sbom ended with ${status}: ${stderr}`);
  const made: Bill = JSON.parse(stdout);
  const { name, version, dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const { component } = made.metadata;
  const own = Object.keys(dependencies).filter((each) => each !== ONLY_IN_CHECKOUT);
  const root = { ref: component["bom-ref"], dependsOn: own.map((each) => `${each}@${dependencies[each]}`) };
  const edges = new Map(made.dependencies.map((each) => [each.ref, each]));
  const reached = new Set(root.dependsOn);
  for (const ref of reached) for (const next of edges.get(ref)?.dependsOn ?? []) reached.add(next);
  return {
    bomFormat: made.bomFormat,
    specVersion: made.specVersion,
    version: made.version,
    metadata: { component: { ...component, type: "application", name, version } },
    components: made.components.filter((each) => reached.has(each["bom-ref"])),
    dependencies: [root, ...made.dependencies.filter(({ ref }) => reached.has(ref))],
  };
}

/** SPDX's name, or an expression of them. */
export function licenceOf({ licenses = [] }: Component): string {
  return licenses.map(({ license, expression }) => license?.id ?? expression ?? "unknown").join(" AND ") || "unknown";
}

/** THIRD-PARTY.md of a bill. */
export function thirdParty({ components }: Bill): string {
  const rows = components.map((component) => `| ${component.name} | ${component.version} | ${licenceOf(component)} |`);
  return [
    "# Third-party packages",
    "",
    "What npm installs with tidemark, from `package-lock.json`; each package brings the text of its licence. `npm run licences` writes this page, a test compares it. `sbom.cdx.json` in the package is the same as a bill of materials (CycloneDX), with the hashes.",
    "",
    "| package | version | licence |",
    "|---|---|---|",
    ...rows.sort(),
    "",
  ].join("\n");
}

if (import.meta.main) {
  if (process.argv.includes("--licences")) writeFileSync(join(ROOT, "THIRD-PARTY.md"), thirdParty(billOfMaterials()));
  else console.log(JSON.stringify(billOfMaterials(), null, 2));
}
