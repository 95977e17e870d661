/** Requests: raw bytes on a socket, bodies, targets of Grafana, configuration; and what a client reads of a stream. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventParser } from "../../../src/client/event-parser.ts";
import { loadConfig } from "../../../src/config/config.ts";
import { ManualClock } from "../../../src/core/clock.ts";
import { openZone } from "../../../src/core/zone.ts";
import { ComputeReader } from "../../../src/server/compute-request.ts";
import { parseTarget } from "../../../src/server/graphite/target.ts";
import { RequestError } from "../../../src/server/problem.ts";
import { createServer, type HttpServer } from "../../../src/server/server.ts";
import { parseLiveEvent } from "../../../src/ui/live-event.ts";
import { ScanEngine } from "../../server/scan-engine.ts";
import { bytes, isOperating, never, type Target, text, words } from "../target.ts";

const ZONE = openZone("Europe/Berlin");

const REQUESTS = [
  'POST /compute/metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 27\r\n\r\n{"temperature":["count"],} ',
  'POST /readings/temperature HTTP/1.1\r\nHost: localhost\r\nContent-Length: 24\r\n\r\n{"device":"d","value":1}',
  "GET /sensors?limit=10 HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "GET /series?sensor=temperature&metrics=mean,p99&every=1h HTTP/1.1\r\nHost: localhost\r\n\r\n",
  'POST /quarantine/release HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n{"ids":[1]}',
  "POST /graphite/render HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 23\r\n\r\ntarget=temperature.mean",
  "POST /readings/temperature HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n1\n2\r\n0\r\n\r\n",
  "GET /live?sensors=temperature HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: a-1\r\n\r\n",
  "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\nGET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n",
];

let server: HttpServer | null = null;
let port = 0;
const bugs: unknown[] = [];

/** Answers come within this, ms; then the connection is closed from here. A stream stays open, and half a request waits for its other half. */
const ANSWER_MS = 25;

const http: Target = {
  name: "http",
  seeds: () => REQUESTS.map(bytes),
  words: words(
    "GET POST HEAD TRACE OPTIONS DELETE HTTP/1.1 HTTP/1.0 \r\n \r\n\r\n Host: Content-Length: Transfer-Encoding: chunked Expect: 100-continue Origin: Cookie: Authorization: Bearer Accept-Encoding: gzip %00 %2F .. ? & = # ; ffffffff",
  ),
  mayThrow: never,
  async open() {
    server = await createServer({
      engine: new ScanEngine(),
      log: { append: async () => {} },
      clock: new ManualClock(Date.UTC(2020, 0, 13)),
      zone: ZONE,
      tokens: null,
      onBug: (error) => bugs.push(error),
    });
    await server.app.listen({ port: 0, host: "127.0.0.1" });
    port = (server.app.server.address() as AddressInfo).port;
  },
  async close() {
    await server?.close();
  },
  async run(input) {
    const answer = await exchange(input);
    const [bug] = bugs;
    if (bug !== undefined) throw bug;
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
    assert.notEqual(status, 500, answer.slice(0, 500));
  },
};

function exchange(input: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(input));
    const timer = setTimeout(() => socket.destroy(), ANSWER_MS);
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString("latin1");
      socket.end();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}

const reader = new ComputeReader(new ScanEngine().sensors);

const compute: Target = {
  name: "compute",
  seeds: () => [
    bytes(
      '{"temperature":["count","min"],"humidity":["average","p99.9"],"from":"2020-01-13 15:12:00","to":"2020-01-13",}',
    ),
    bytes('{"temperature":["count"],"from":1578928320000,"toExclusive":"now-1h"}'),
  ],
  words: words(
    '{ } [ ] , : " \\" "from" "to" "toExclusive" "__proto__" "constructor" "p100" "1" null 1e999 [[[[[[[[ \uFEFF "\\ud800"',
  ),
  mayThrow: isOperating,
  run(input) {
    reader.read(Buffer.from(input), ZONE, Date.UTC(2020, 0, 13));
  },
};

const graphite: Target = {
  name: "graphite",
  seeds: () => [
    bytes('alias(timeShift(temperature.mean,"7d"),"a week ago")'),
    bytes("aliasSub(*.p99,'^(.*)\\.p99$','\\1')"),
    bytes("constantLine(21.5)"),
    bytes("{temperature,humidity}.m*"),
  ],
  words: words("( ) , \" ' \\1 * { } . alias( timeShift( aliasByNode( constantLine( [ ] ((((((((((("),
  mayThrow: (error) => error instanceof RequestError,
  run(input) {
    parseTarget(text(input));
  },
};

let directory = "";

/** The first line is the command line; the rest is the configuration file. */
const config: Target = {
  name: "config",
  seeds: () => [
    bytes('serve --port 5001 --sensors a,b --keep 400d\n{"port":5000,"timezone":"UTC","log":"kafka://localhost:9092"}'),
    bytes("sensor temperature --to http://localhost:5000 --rate 2 --late 0.05\n{}"),
    bytes("query temperature mean --from -24h\n{}"),
    bytes("export temperature --every 1h --format csv\n{}"),
    bytes('import f.csv --to http://localhost\n{"sensors":["a"]}'),
    bytes("series temperature --every 5m --last 1h\n{}"),
  ],
  words: words(
    '--port --log --data --host --keep --topics --timezone --token --sensors kafka:// http:// 1e9 -1 0 400d 2GB / ( [ * = " { } : , null',
  ),
  mayThrow: isOperating,
  async open() {
    directory = mkdtempSync(join(tmpdir(), "tidemark-fuzz-"));
  },
  async close() {
    rmSync(directory, { recursive: true });
  },
  run(input) {
    const [line, ...file] = text(input).split("\n");
    writeFileSync(join(directory, "tidemark.config.json"), file.join("\n"));
    const half = line.length >> 1;
    loadConfig(line.split(" "), { TIDEMARK_PORT: line.slice(half, half + 5), TIDEMARK_TIMEZONE: "UTC" }, directory);
  },
};

const EVENT = `id: a-1\nevent: update\ndata: {"time":1,"trouble":null,"sensorsTotal":1,"sensors":[{"sensor":"t","count":1,"mean":1,"min":1,"max":1,"last":1,"ageMs":1,"rate":1,"minute":{"count":1,"mean":1,"min":1,"max":1},"spark":[1,null],"late":0,"duplicates":0,"quarantined":0,"rejected":0,"gapRecords":0,"cutRecords":0,"lag":0,"stuckDevices":0}]}\n\n`;

const events: Target = {
  name: "events",
  seeds: () => [bytes(EVENT), bytes(`retry: 1000\n\n: heartbeat\n\n${EVENT}`)],
  words: words("id: event: data: retry: \n \r\n \r \n\n : \0 \uFEFF update snapshot null {} []"),
  // Whoever reads the stream says that it is none, and comes back.
  mayThrow: (error) => error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError),
  run(input) {
    const whole = text(input);
    const apart = new EventParser();
    const together = new EventParser();
    const half = whole.length >> 1;
    const events = [...apart.push(whole.slice(0, half)), ...apart.push(whole.slice(half))];
    const same = together.push(whole);
    // Of the end of one that ends in CR nobody knows whether an LF follows.
    assert.deepEqual(events, same, "cut in two it is other events");
    for (const { name, data } of events) parseLiveEvent(name, data);
  },
};

export const REQUEST_TARGETS: readonly Target[] = [http, compute, graphite, config, events];
