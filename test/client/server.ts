/** A whole tidemark in this process, on a directory of its own and any port. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/config.ts";

export interface OwnServer {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

export async function openServer(...args: readonly string[]): Promise<OwnServer> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-client-"));
  const given = ["serve", "--data", directory, "--port", "0", "--timezone", "UTC", ...args];
  const { invocation } = loadConfig(given, {}, "/");
  if (invocation.command !== "serve") throw new Error("not serve");
  const app = await openApp(invocation.config);
  return {
    port: app.port,
    url: `http://127.0.0.1:${app.port}`,
    close: async () => {
      await app.close();
      rmSync(directory, { recursive: true });
    },
  };
}
