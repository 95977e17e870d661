/** The Python client, by each Python from 3.9 on that is here, against a real server: what check_client.py asserts. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { Authority, skipWithoutOpenssl } from "../system/certificates.ts";
import { openLosingProxy } from "./losing-proxy.ts";
import { openServer } from "./server.ts";

const CLIENT = resolve(import.meta.dirname, "../../clients/python/tidemark.py");
const TOKEN = "sixteen-or-more-characters";

/** The oldest that the client is for is tried too where it is. */
const PYTHONS = ["python3", "python3.9"].filter((python) => {
  const { status } = spawnSync(python, ["-c", "import sys; sys.exit(sys.version_info < (3, 9))"]);
  return status === 0;
});
const skip = PYTHONS.length === 0 ? "no Python 3.9 or later: install python3" : false;

test("a Python client of the standard library", { skip, timeout: 60_000 }, async (t) => {
  const authority = skipWithoutOpenssl() === false ? new Authority() : null;
  t.after(() => authority?.remove());
  const certificate = authority?.sign("DNS:localhost,IP:127.0.0.1");
  for (const python of PYTHONS) {
    const [server, guarded] = [
      await openServer(),
      await openServer("--token", TOKEN, "--token-write", "a-token-that-only-writes"),
    ];
    const secure = certificate && (await openServer("--tls-cert", certificate.cert, "--tls-key", certificate.key));
    const proxy = await openLosingProxy(server.port);
    proxy.plan.push("lost", "busy", "lost");
    const given = [CLIENT, proxy.url, guarded.url, secure?.url.replace("http:", "https:") ?? "", authority?.ca ?? ""];
    const child = spawn(python, ["-B", join(import.meta.dirname, "check_client.py"), ...given]);
    try {
      let [output, errors] = ["", ""];
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk;
        if (!output.endsWith("cut\n")) return;
        proxy.cut();
        child.stdin.write("\n");
      });
      child.stderr.on("data", (chunk: Buffer) => {
        errors += chunk;
      });
      const code = await new Promise((done) => child.on("close", done));
      assert.equal(code, 0, `${python}: ${errors}`);
      assert.equal(output, "cut\nwell\n");
    } finally {
      child.kill("SIGKILL");
      proxy.close();
      await Promise.all([server.close(), guarded.close(), secure?.close()]);
    }
  }
});
