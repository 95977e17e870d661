/** PostgreSQL over its socket with prepared statements. JSON argument: host (socket directory), port, mode "load" (csv) or "ask" (questions, rolled). */
import { readFileSync } from "node:fs";
import pg from "pg";
import { measure, RAW, ROLLED, rolledParameters, rollup } from "../window-sql.mjs";

const { host, port, mode, csv, questions, rolled } = JSON.parse(process.argv[2] ?? readFileSync(0, "utf8"));
const client = new pg.Client({ host, port, database: "postgres", user: "bench" });
await client.connect();
if (mode === "load") {
  const start = performance.now();
  await client.query("CREATE TABLE reading(s smallint NOT NULL, t integer NOT NULL, v double precision NOT NULL)");
  await client.query(`COPY reading FROM '${csv}' (FORMAT csv)`);
  await client.query("CREATE INDEX reading_covering ON reading(s, t) INCLUDE (v)");
  const seconds = (performance.now() - start) / 1000;
  for (const [name, step] of [
    ["minutely", 60],
    ["hourly", 3600],
  ]) {
    await client.query(`CREATE MATERIALIZED VIEW ${name} AS ${rollup(step)}`);
    await client.query(`CREATE UNIQUE INDEX ${name}_covering ON ${name}(s, t) INCLUDE (n, total, lo, hi)`);
  }
  // Index-only scans need the visibility map.
  await client.query("VACUUM ANALYZE");
  const sizes = await client.query("SELECT pg_total_relation_size('reading') AS bytes");
  console.log(JSON.stringify({ seconds, bytes: Number(sizes.rows[0].bytes) }));
} else {
  await client.query("SET max_parallel_workers_per_gather = 2");
  const text = rolled ? ROLLED : RAW;
  const types = rolled ? "int,int,int,int,int,int,int" : "int,int,int";
  await client.query(`PREPARE ask(${types}) AS ${text}`);
  const ask = async (sensor, from, to) => {
    const values = rolled ? rolledParameters(sensor, from, to) : [sensor, from, to];
    const { rows } = await client.query(`EXECUTE ask(${values.join(",")})`);
    return rows[0];
  };
  console.log(JSON.stringify({ seconds: 0, ...(await measure(questions, ask)) }));
}
await client.end();
