/** DuckDB in process. JSON argument: mode "load" (database, csv) or "ask" (database, questions, rolled). */
import { readFileSync, statSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";
import { measure, RAW, ROLLED, rolledParameters, rollup } from "../window-sql.mjs";

const { mode, database, csv, questions, rolled } = JSON.parse(process.argv[2] ?? readFileSync(0, "utf8"));
const start = performance.now();
const instance = await DuckDBInstance.create(database, { memory_limit: "4GB" });
const connection = await instance.connect();
if (mode === "load") {
  await connection.run("CREATE TABLE reading(s TINYINT, t INTEGER, v DOUBLE)");
  // Sorted by sensor and time: its zone maps then skip what is outside of a window.
  await connection.run(`COPY reading FROM '${csv}' (HEADER false)`);
  const loaded = (performance.now() - start) / 1000;
  await connection.run(`CREATE TABLE minutely AS ${rollup(60)}`);
  await connection.run(`CREATE TABLE hourly AS ${rollup(3600)}`);
  await connection.run("CHECKPOINT");
  console.log(JSON.stringify({ seconds: loaded, bytes: statSync(database).size }));
} else {
  const statement = await connection.prepare(rolled ? ROLLED : RAW);
  const ask = async (sensor, from, to) => {
    const values = rolled ? rolledParameters(sensor, from, to) : [sensor, from, to];
    values.forEach((value, i) => {
      statement.bindInteger(i + 1, value);
    });
    const reader = await statement.runAndReadAll();
    const [n, mean, lo, hi] = reader.getRows()[0];
    return { n, mean, lo, hi };
  };
  console.log(JSON.stringify({ seconds: 0, ...(await measure(questions, ask)) }));
}
connection.closeSync();
