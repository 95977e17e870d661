/** After kill -9 the log is read again from the last commit: until it is, every answer says that it lacks readings which earlier ones had. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dataDirectory, freePort, type Running, tidemark } from "./cli.ts";

const READINGS = 600_000;
const BATCH = 60_000;

test("no answer after a restart is short of readings without saying so", async () => {
  const data = dataDirectory();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const serve = async (): Promise<Running> => {
    const process = tidemark(["serve", "--data", data.path, "--port", String(port), "--sensors", "temperature"]);
    await process.until(/listening on/);
    return process;
  };
  const ask = async (query = ""): Promise<{ answer: Response; count: number }> => {
    const answer = await fetch(`${url}/compute/metrics${query}`, { method: "POST", body: '{"temperature":["count"]}' });
    const body = (await answer.json()) as { result?: { temperature: { count: number } } };
    return { answer, count: body.result?.temperature.count ?? -1 };
  };
  let server = await serve();
  for (let at = 0; at < READINGS; at += BATCH) {
    const body = Array.from({ length: BATCH }, (_, i) => `{"device":"d","boot":"b","sequence":${at + i},"value":1}`);
    assert.equal((await fetch(`${url}/readings/temperature`, { method: "POST", body: body.join("\n") })).status, 200);
  }
  while ((await ask()).count < READINGS);
  server.kill("SIGKILL");
  await server.ended;

  server = await serve();
  let short = 0;
  for (let isReady = false; !isReady; ) {
    const ready = await fetch(`${url}/readyz`);
    const strict = await ask("?complete=true");
    const { answer, count } = await ask();
    isReady = ready.status === 200;
    const backlog = Number(answer.headers.get("Tidemark-Backlog") ?? 0);
    assert.ok(count === READINGS || backlog > 0, `${count} counted, ${backlog} to be read`);
    if (strict.answer.status === 200) assert.equal(strict.count, READINGS);
    else assert.equal(strict.answer.status, 503);
    if (isReady) assert.equal(count, READINGS);
    else assert.match(await ready.text(), /"catching-up"/);
    if (count < READINGS) short++;
  }
  console.log(`${short} answers were short, and said so`);
  const receipt = await fetch(`${url}/compute/metrics?receipt=true`, {
    method: "POST",
    body: '{"temperature":["count"]}',
  });
  assert.equal(((await receipt.json()) as { receipt: { backlog: number } }).receipt.backlog, 0);
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
  await data.remove();
});
