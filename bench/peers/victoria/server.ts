/** A VictoriaMetrics of the bench's own. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "../../harness/bench.ts";
import { goPeer } from "../../harness/install.ts";
import { freePort, Server } from "../../harness/server.ts";

const PACKAGE = "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics";
/** The newest that builds with Go 1.26. */
const VERSION = "v1.151.0";

/** Starts one without readings, which answers everything anew. Building it takes minutes: not for a quick run. @throws Unavailable */
export async function startVictoria(bench: Bench): Promise<{ readonly port: number; readonly server: Server }> {
  const policy = bench.settings.quick ? { ...bench.policy, allowed: false } : bench.policy;
  const command = await goPeer(policy, "victoria-metrics", PACKAGE, VERSION);
  const port = await freePort();
  const address = [`-httpListenAddr=127.0.0.1:${port}`, "-retentionPeriod=100y", "-search.disableCache"];
  const limits = ["-search.maxSamplesPerQuery=2000000000", "-search.maxQueryDuration=300s"];
  const data = `-storageDataPath=${mkdtempSync(join(bench.directory, "victoria-"))}`;
  const server = new Server({ command, args: [...address, ...limits, data] });
  try {
    await server.listens(port);
    return { port, server };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
