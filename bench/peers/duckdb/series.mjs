/** DuckDB in process: a series of hours. JSON argument: database, from, to (seconds), laps, rolled. */
import { readFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

const RAW = `SELECT t // 3600 AS hour, avg(v) AS mean, min(v) AS lo, max(v) AS hi
  FROM reading WHERE s = 0 AND t >= $1 AND t < $2 GROUP BY 1 ORDER BY 1`;
const ROLLED = `SELECT t // 3600 AS hour, sum(total) / sum(n) AS mean, min(lo) AS lo, max(hi) AS hi
  FROM minutely WHERE s = 0 AND t >= $1 AND t < $2 GROUP BY 1 ORDER BY 1`;

const { database, from, to, laps, rolled } = JSON.parse(process.argv[2] ?? readFileSync(0, "utf8"));
const instance = await DuckDBInstance.create(database, { memory_limit: "4GB", access_mode: "READ_ONLY" });
const connection = await instance.connect();
const statement = await connection.prepare(rolled ? ROLLED : RAW);
statement.bindInteger(1, from);
statement.bindInteger(2, to);
const ms = [];
let check = 0;
// The first half makes the plan and reads the pages.
for (let lap = 0; lap < 2 * laps; lap++) {
  const before = performance.now();
  const rows = (await statement.runAndReadAll()).getRows();
  if (lap >= laps) ms.push(performance.now() - before);
  check = rows.reduce((sum, [, mean, lo, hi]) => sum + Number(mean) + Number(lo) + Number(hi), 0);
}
ms.sort((a, b) => a - b);
const at = (share) => ms[Math.floor((ms.length - 1) * share)];
console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99), check }));
connection.closeSync();
