/** The questions of the window row in SQL: over the raw readings, and over rollups by minute and hour with raw edges, as one writes them by hand. */

export const RAW = `SELECT count(v) AS n, avg(v) AS mean, min(v) AS lo, max(v) AS hi FROM reading WHERE s = $1 AND t >= $2 AND t < $3`;

/** $1 sensor; $2 from, $3 first whole minute, $4 first whole hour, $5 after the last whole hour, $6 after the last whole minute, $7 to. */
export const ROLLED = `SELECT sum(n) AS n, sum(total) / sum(n) AS mean, min(lo) AS lo, max(hi) AS hi FROM (
  SELECT n, total, lo, hi FROM hourly WHERE s = $1 AND t >= $4 AND t < $5
  UNION ALL SELECT n, total, lo, hi FROM minutely WHERE s = $1 AND t >= $3 AND t < $4
  UNION ALL SELECT n, total, lo, hi FROM minutely WHERE s = $1 AND t >= $5 AND t < $6
  UNION ALL SELECT count(v), sum(v), min(v), max(v) FROM reading WHERE s = $1 AND t >= $2 AND t < $3
  UNION ALL SELECT count(v), sum(v), min(v), max(v) FROM reading WHERE s = $1 AND t >= $6 AND t < $7) AS parts`;

export const rollup = (seconds) =>
  `SELECT s, CAST(floor(t / ${seconds}.0) AS bigint) * ${seconds} AS t, count(*) AS n, sum(v) AS total, min(v) AS lo, max(v) AS hi FROM reading GROUP BY 1, 2 ORDER BY 1, 2`;

/** Parameters of `ROLLED`: empty parts where the window holds no whole minute or hour. */
export function rolledParameters(sensor, from, to) {
  let m0 = Math.ceil(from / 60) * 60;
  let m1 = Math.floor(to / 60) * 60;
  if (m0 > m1) m0 = m1 = to;
  let h0 = Math.ceil(m0 / 3600) * 3600;
  let h1 = Math.floor(m1 / 3600) * 3600;
  if (h0 > h1) h0 = h1 = m1;
  return [sensor, from, m0, h0, h1, m1, to];
}

/** Asks all questions one after the other, as often as there is time for: `ask(sensor, from, to)` resolves to {n, mean, lo, hi}. */
export async function measure(questions, ask, msMax = 4000) {
  const result = {};
  for (const { name, seconds, sensors, starts } of questions) {
    const micros = [];
    let check = 0;
    await ask(sensors[0], starts[0], starts[0] + seconds); // a plan made, pages read
    const begun = performance.now();
    for (let i = 0; i < starts.length && (i < 3 || performance.now() - begun < msMax); i++) {
      const before = process.hrtime.bigint();
      const { n, mean, lo, hi } = await ask(sensors[i], starts[i], starts[i] + seconds);
      micros.push(Number(process.hrtime.bigint() - before) / 1000);
      check += Number(n) + Number(mean) + Number(lo) + Number(hi);
    }
    micros.sort((a, b) => a - b);
    result[`p50 ${name}`] = micros[Math.floor((micros.length - 1) * 0.5)];
    result[`p99 ${name}`] = micros[Math.floor((micros.length - 1) * 0.99)];
    result[`check ${name}`] = check;
    result[`asked ${name}`] = micros.length;
  }
  return result;
}
