/** What the machine can do at best, measured by the same runtime: memory, checksums, system calls, a socket, SQLite. Prints laps "copy 0", "copy 1", … */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { crc32c } from "@node-rs/crc32";
import { Random } from "../../src/core/random.ts";
import { syncTimes } from "../harness/disk-sync.ts";
import { argument } from "../harness/lap.ts";

export interface MachineTask {
  readonly laps: number;
}

/** Far more than the caches hold. */
const LARGE_BYTES = 128 * 2 ** 20;
const CHECKED_BYTES = 2 ** 20;
const CALLS = 20_000;
const SOCKET_BYTES = 512 * 2 ** 20;
const CHUNK_BYTES = 65_536;
const ROUND_TRIPS = 3000;
const ROWS = 20_000;
const ROW_BYTES = 1024;
const SYNCS = 50;

const { laps } = argument<MachineTask>();
const directory = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
const result: Record<string, number> = {};

/** CPU seconds that `run` takes: what it would take with a core to itself. */
function secondsOf(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function total(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

function memory(lap: number): void {
  const from = new Float64Array(LARGE_BYTES / 8).fill(1.5);
  const to = new Float64Array(LARGE_BYTES / 8).fill(0);
  result[`copy ${lap}`] = LARGE_BYTES / 1e9 / secondsOf(() => to.set(from));
  let sum = 0;
  result[`read ${lap}`] =
    LARGE_BYTES /
    1e9 /
    secondsOf(() => {
      sum = total(to);
    });
  if (sum !== 1.5 * to.length) throw new Error("BUG: the copy is none");
}

function checksum(lap: number): void {
  const bytes = Buffer.alloc(CHECKED_BYTES, 7);
  const calls = 300;
  const seconds = secondsOf(() => {
    for (let i = 0; i < calls; i++) crc32c(bytes);
  });
  result[`crc ${lap}`] = (CHECKED_BYTES * calls) / 1e9 / seconds;
}

function systemCalls(lap: number): void {
  const byte = Buffer.alloc(1);
  const nowhere = openSync("/dev/null", "w");
  const seconds = secondsOf(() => {
    for (let i = 0; i < CALLS; i++) writeSync(nowhere, byte);
  });
  closeSync(nowhere);
  result[`call ${lap}`] = (seconds / CALLS) * 1e6;
}

/** A process that sends so much to whoever connects; or one that sends back what it gets. */
const PEER = `
const { createServer } = require("node:net");
const chunk = Buffer.alloc(${CHUNK_BYTES}, 7);
createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.once("data", (first) => {
    if (first[0] !== 1) { socket.write(first); socket.on("data", (data) => socket.write(data)); return; }
    let left = ${SOCKET_BYTES};
    const send = () => { while (left > 0) { left -= chunk.length; if (!socket.write(chunk)) return; } };
    socket.on("drain", send);
    send();
  });
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });
`;

async function startPeer(): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, ["-e", PEER], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(child.stdout ?? child, "data");
  return { child, port: Number(String(line)) };
}

async function receive(port: number, lap: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  const start = performance.now();
  const cpu = process.cpuUsage();
  socket.write(Buffer.from([1]));
  let bytes = 0;
  await new Promise<void>((resolve) => {
    socket.on("data", (data) => {
      bytes += data.length;
      if (bytes >= SOCKET_BYTES) resolve();
    });
  });
  const { user, system } = process.cpuUsage(cpu);
  result[`socket ${lap}`] = SOCKET_BYTES / 1e6 / (performance.now() - start);
  result[`socket cpu ${lap}`] = (user + system) / 1e6 / (SOCKET_BYTES / 1e9);
  socket.destroy();
}

async function roundTrips(port: number, lap: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  const message = Buffer.alloc(200, 2);
  const start = performance.now();
  const cpu = process.cpuUsage();
  for (let i = 0; i < ROUND_TRIPS; i++) {
    socket.write(message);
    await once(socket, "data");
  }
  const { user, system } = process.cpuUsage(cpu);
  result[`round trip ${lap}`] = ((performance.now() - start) / ROUND_TRIPS) * 1000;
  result[`round trip cpu ${lap}`] = (user + system) / ROUND_TRIPS;
  socket.destroy();
}

function sqlite(lap: number): void {
  const db = new DatabaseSync(join(directory, `rows-${lap}.db`));
  db.exec("PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536");
  db.exec("CREATE TABLE page(key INTEGER PRIMARY KEY, bytes BLOB NOT NULL)");
  const insert = db.prepare("INSERT INTO page VALUES(?, ?)");
  const bytes = new Uint8Array(ROW_BYTES).fill(7);
  const written = secondsOf(() => {
    db.exec("BEGIN");
    for (let key = 0; key < ROWS; key++) insert.run(key, bytes);
    db.exec("COMMIT");
  });
  result[`insert ${lap}`] = (written / ROWS) * 1e6;
  const random = new Random(3);
  const select = db.prepare("SELECT bytes FROM page WHERE key=?");
  const keys = Array.from({ length: ROWS }, () => random.integer(0, ROWS - 1));
  const read = secondsOf(() => {
    for (const key of keys) select.get(key);
  });
  result[`select ${lap}`] = (read / ROWS) * 1e6;
  db.close();
}

const peer = await startPeer();
try {
  // The first lap warms up.
  for (let lap = -1; lap < laps; lap++) {
    memory(lap);
    checksum(lap);
    systemCalls(lap);
    await receive(peer.port, lap);
    await roundTrips(peer.port, lap);
    sqlite(lap);
    const start = performance.now();
    spawnSync(process.execPath, ["-e", "0"]);
    result[`process ${lap}`] = performance.now() - start;
    const syncs = syncTimes(directory, SYNCS).sort((a, b) => a - b);
    result[`sync ${lap}`] = syncs[SYNCS / 2];
  }
  console.log(JSON.stringify(result));
} finally {
  peer.child.kill();
  rmSync(directory, { recursive: true, force: true });
}
process.exit(0);
