/** VictoriaMetrics over HTTP. JSON argument: port, mode "load" (csv) or "ask" (questions). */
import { createReadStream, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import { measure } from "../window-sql.mjs";

const { port, mode, csv, questions } = JSON.parse(process.argv[2] ?? readFileSync(0, "utf8"));
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function call(path, body) {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: "127.0.0.1", port, path, method: body === undefined ? "GET" : "POST", agent },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk) => {
          text += chunk;
        });
        answer.on("end", () =>
          answer.statusCode < 300 ? resolve(text) : reject(new Error(`${answer.statusCode} ${text}`)),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

const names = ["temperature", "humidity", "pressure"];
if (mode === "load") {
  const start = performance.now();
  let sensor = -1;
  let values = [];
  let timestamps = [];
  const flush = async () => {
    if (values.length === 0) return;
    await call("/api/v1/import", JSON.stringify({ metric: { __name__: names[sensor] }, values, timestamps }));
    values = [];
    timestamps = [];
  };
  for await (const line of createInterface({ input: createReadStream(csv) })) {
    const [s, t, v] = line.split(",");
    if (Number(s) !== sensor || values.length >= 100_000) {
      await flush();
      sensor = Number(s);
    }
    values.push(Number(v));
    timestamps.push(Number(t) * 1000);
  }
  await flush();
  await call("/internal/force_flush");
  await call("/internal/force_merge");
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000 }));
} else {
  const ask = async (sensor, from, to) => {
    // The window is (time - range, time]: up to the last second of it, a second before its first excluded.
    const window = `${names[sensor]}[${to - from}s]`;
    const parts = ["count", "avg", "min", "max"].map((name) => `${name}_over_time(${window})`);
    const query = `union(${parts.map((part, i) => `label_set(${part}, "f", "${i}")`).join(",")})`;
    const text = await call(`/api/v1/query?time=${to - 1}&nocache=1&query=${encodeURIComponent(query)}`);
    const found = {};
    for (const { metric, value } of JSON.parse(text).data.result) found[metric.f] = Number(value[1]);
    return { n: found[0], mean: found[1], lo: found[2], hi: found[3] };
  };
  console.log(JSON.stringify({ seconds: 0, ...(await measure(questions, ask)) }));
}
agent.destroy();
