/** watch against a real server of events: plain lines, lost connections, refusals. The table on a real terminal is in test/system. */
import assert from "node:assert/strict";
import { createServer, type Server, type ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { TidemarkError } from "../../src/core/errors.ts";
import { watch } from "../../src/ui/watch.ts";

const sensor = (name: string, count: number) => ({
  sensor: name,
  count,
  mean: 1.5,
  min: 1,
  max: 2,
  last: 2,
  ageMs: 5,
  rate: 1,
  minute: { count: 1, mean: 2, min: 2, max: 2 },
  spark: [],
  late: 0,
  duplicates: 0,
  quarantined: 0,
  rejected: 0,
  gapRecords: 0,
  cutRecords: 0,
  lag: 0,
  stuckDevices: 0,
});
const event = (name: string, ...sensors: object[]): string =>
  `event: ${name}\ndata: ${JSON.stringify({ trouble: null, sensorsTotal: 2, sensors })}\n\n`;

async function listening(server: Server, port = 0): Promise<URL> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  return new URL(`http://127.0.0.1:${address.port}/`);
}

/** Runs `watch` without a terminal; `seen` is called with each line. */
async function watched(
  url: URL,
  seen: (line: string, end: () => void) => void,
  token: string | null = null,
  patterns: string[] = [],
) {
  const output = new PassThrough();
  const ended = new AbortController();
  const lines: string[] = [];
  output.setEncoding("utf8");
  let rest = "";
  output.on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) {
      lines.push(line);
      seen(line, () => ended.abort());
    }
  });
  const options = { url, token, patterns, footer: "", color: false, output, input: null, clock: systemClock };
  await watch({ ...options, signal: ended.signal });
  return lines.map((line) => line.replace(/^\S+Z /, ""));
}

test("lines on change only, the newest state at the end; token and path are sent", async () => {
  const paths: unknown[] = [];
  let stream: ServerResponse | undefined;
  const server = createServer((request, response) => {
    paths.push([request.url, request.headers.authorization, request.headers.accept]);
    stream = response;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(event("snapshot", sensor("a", 1), sensor("b", 0)));
  });
  const url = await listening(server);
  const lines = await watched(
    url,
    (line, end) => {
      if (line.includes("b count=0")) {
        stream?.write(event("update", { ...sensor("a", 1), ageMs: 1000 }));
        stream?.write(event("update", sensor("a", 2)) + event("update", sensor("a", 3)));
        stream?.write(": end\n\n", () => setImmediate(() => setImmediate(end)));
      }
    },
    "0123456789abcdef",
  );
  server.closeAllConnections();
  server.close();
  assert.equal(lines[0].split(" ").slice(0, 3).join(" "), "a count=1 mean=1.5");
  assert.ok(lines[1].startsWith("b count=0 "));
  assert.ok(lines.length === 2 || (lines.length === 3 && /^a count=[23] /.test(lines[2])), lines.join("\n"));
  assert.deepEqual(paths, [["/live", "Bearer 0123456789abcdef", "text/event-stream"]]);
});

test("a lost connection is told once, tried again, and the return is told", async () => {
  let connections = 0;
  const server = createServer((_request, response) => {
    connections++;
    if (connections === 2) {
      response.writeHead(503).end('{"detail":"too many"}');
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(event("snapshot", sensor("a", connections)), () => {
      if (connections === 1) response.destroy();
    });
  });
  const url = await listening(server);
  const lines = await watched(url, (line, end) => {
    if (line.includes("a count=3")) end();
  });
  server.closeAllConnections();
  server.close();
  assert.equal(lines.length, 4, lines.join("\n"));
  assert.match(lines[0], /^a count=1 /);
  assert.match(lines[1], /^connection to http:\/\/127\.0\.0\.1:\d+ lost, trying again: /);
  assert.match(lines[2], /^connected to http/);
  assert.match(lines[3], /^a count=3 /);
});

test("only the sensors that are meant", async () => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(event("snapshot", sensor("plant-1", 1), sensor("attic", 2), sensor("plant-2", 3)));
  });
  const url = await listening(server);
  const seen = (line: string, end: () => void) => {
    if (line.includes("plant-2 ")) end();
  };
  const lines = await watched(url, seen, null, ["plant-*"]);
  server.closeAllConnections();
  server.close();
  assert.deepEqual(
    lines.map((line) => line.split(" ")[0]),
    ["plant-1", "plant-2"],
  );
});

test("names without wildcards are asked for", async () => {
  const paths: unknown[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(event("snapshot", sensor("attic", 2)));
  });
  const url = await listening(server);
  await watched(url, (_line, end) => end(), null, ["attic", "plant-1"]);
  server.closeAllConnections();
  server.close();
  assert.deepEqual(paths, ["/live?sensor=attic&sensor=plant-1"]);
});

test("a refusal for good ends it", async () => {
  for (const [status, code] of [
    [401, "not-authorized"],
    [404, "not-found"],
  ] as const) {
    const server = createServer((_request, response) => response.writeHead(status).end('{"detail":"because \\"x\\""}'));
    const url = await listening(server);
    await assert.rejects(
      watched(url, () => {}),
      (error) =>
        error instanceof TidemarkError && error.code === code && error.message.endsWith(`${status} because "x"`),
    );
    server.close();
  }
});
