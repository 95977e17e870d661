/** Node-RED as its users have it, fetched once, and a flow of it that publishes numbered temperatures. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { kept, run } from "../cache.ts";
import type { Found } from "../kafka/foreign.ts";

const VERSION = "5.0.7";

/** Node-RED's program; its tests are skipped where npm cannot fetch it (280 packages, 117 MB, 26 s). */
export async function findNodeRed(): Promise<Found> {
  try {
    const home = await kept(`node-red-${VERSION}`, async (partial) => {
      mkdirSync(partial);
      writeFileSync(join(partial, "package.json"), "{}");
      const options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", partial];
      await run("npm", ["install", ...options, `node-red@${VERSION}`]);
    });
    return { path: join(home, "node_modules", "node-red", "red.js") };
  } catch (error) {
    return { missing: `no Node-RED could be fetched (npm install node-red): ${error}` };
  }
}

/** Messages a tenth of a second. */
const AT_ONCE = 50;

/** A flow that publishes so many messages, a few at a time; while it has no connection Node-RED drops them, so what was not completed is published again. */
export function flowsOf(port: number, password: string, count: number) {
  const make = `
    const [done, sent, out] = [flow.get("done") ?? {}, flow.get("sent") ?? {}, []];
    for (let n = 0; n < ${count} && out.length < ${AT_ONCE}; n++) {
      if (done[n] || Date.now() - (sent[n] ?? 0) < 3000) continue;
      sent[n] = Date.now();
      out.push({ n, payload: { temperature: n % 40, last_seen: 1700000000000 + n * 1000 } });
    }
    flow.set("sent", sent);
    return [out];`;
  const mark = `flow.set("done", { ...flow.get("done"), [msg.n]: true });`;
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
    { ...place, id: "make", type: "function", func: make, outputs: 1, wires: [["out"]] },
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
    { ...place, id: "completed", type: "complete", scope: ["out"], wires: [["mark"]] },
    { ...place, id: "mark", type: "function", func: mark, outputs: 1, wires: [] },
  ];
  return { flows, credentials: { broker: { user: "anybody", password } } };
}
