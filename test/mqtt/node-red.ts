/** Node-RED as its users have it, fetched once into the cache directory, and a flow of it that publishes numbered temperatures. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Found } from "../kafka/foreign.ts";
import { cacheDir, lockFile, run } from "../kafka/jars.ts";

const VERSION = "5.0.7";

/** Node-RED's program; its tests are skipped where npm cannot fetch it (280 packages, 117 MB, 26 s). */
export async function findNodeRed(): Promise<Found> {
  const home = join(cacheDir(), `node-red-${VERSION}`);
  const found = { path: join(home, "node_modules", "node-red", "red.js") };
  if (existsSync(home)) return found;
  mkdirSync(cacheDir(), { recursive: true });
  const lock = await lockFile(join(cacheDir(), "node-red-download.lock"));
  try {
    if (existsSync(home)) return found;
    const partial = `${home}.partial`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial);
    writeFileSync(join(partial, "package.json"), "{}");
    const options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", partial];
    await run("npm", ["install", ...options, `node-red@${VERSION}`]);
    renameSync(partial, home);
    return found;
  } catch (error) {
    return { missing: `no Node-RED could be fetched (npm install node-red): ${error}` };
  } finally {
    lock.close();
  }
}

/** Messages a tenth of a second. */
const AT_ONCE = 50;

/** A flow that publishes so many messages, once it is connected and a few at a time. */
export function flowsOf(port: number, password: string, count: number) {
  const code = `
    const at = context.get("at") ?? 0;
    if (at >= ${count}) return null;
    context.set("at", at + ${AT_ONCE});
    return [Array.from({ length: ${AT_ONCE} }, (_, i) => ({
      payload: { temperature: (at + i) % 40, last_seen: 1700000000000 + (at + i) * 1000 },
    }))];`;
  const place = { x: 100, y: 100, z: "tab" };
  const flows = [
    { id: "tab", type: "tab", label: "climate" },
    {
      id: "broker",
      type: "mqtt-broker",
      broker: "127.0.0.1",
      port,
      clientid: "node-red",
      keepalive: "10",
      protocolVersion: "4",
      cleansession: false,
      autoConnect: true,
    },
    {
      ...place,
      id: "tick",
      type: "inject",
      repeat: "0.1",
      once: true,
      onceDelay: 0.1,
      props: [{ p: "payload" }],
      payload: "",
      payloadType: "date",
      wires: [["make"]],
    },
    { ...place, id: "make", type: "function", func: code, outputs: 1, wires: [["out"]] },
    {
      ...place,
      id: "out",
      type: "mqtt out",
      topic: "zigbee2mqtt/red",
      qos: "1",
      retain: "false",
      broker: "broker",
      wires: [],
    },
  ];
  return { flows, credentials: { broker: { user: "anybody", password } } };
}
