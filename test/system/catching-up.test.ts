/** After kill -9 the log is read again from the last commit: until it is, every answer says that it lacks readings which earlier ones had. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dataDirectory, freePort, type Running, tidemark } from "./cli.ts";

const READINGS = 600_000;
const BATCH = 60_000;
/** On a busy machine all may be committed before it is killed: then nothing is read again, and it is tried anew with more. */
const ROUNDS_MAX = 5;

test("no answer after a restart is short of readings without saying so", async (t) => {
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
  let [sent, short] = [0, 0];
  for (let round = 0; short === 0; round++) {
    assert.ok(round < ROUNDS_MAX, "no answer was short");
    for (let i = 0; i < READINGS; i += BATCH) {
      const first = sent;
      const body = Array.from(
        { length: BATCH },
        (_, k) => `{"device":"d","boot":"b","sequence":${first + k},"value":1}`,
      );
      assert.equal((await fetch(`${url}/readings/temperature`, { method: "POST", body: body.join("\n") })).status, 200);
      sent += BATCH;
    }
    while ((await ask()).count < sent);
    server.kill("SIGKILL");
    await server.ended;

    server = await serve();
    for (let isReady = false; !isReady; ) {
      const ready = await fetch(`${url}/readyz`);
      const strict = await ask("?complete=true");
      const { answer, count } = await ask();
      isReady = ready.status === 200;
      const backlog = Number(answer.headers.get("Tidemark-Backlog") ?? 0);
      assert.ok(count === sent || backlog > 0, `${count} counted, ${backlog} to be read`);
      if (strict.answer.status === 200) assert.equal(strict.count, sent);
      else assert.equal(strict.answer.status, 503);
      if (isReady) assert.equal(count, sent);
      else assert.match(await ready.text(), /"catching-up"/);
      if (count < sent) short++;
    }
  }
  t.diagnostic(`${short} answers were short, and said so`);
  const receipt = await fetch(`${url}/compute/metrics?receipt=true`, {
    method: "POST",
    body: '{"temperature":["count"]}',
  });
  assert.equal(((await receipt.json()) as { receipt: { backlog: number } }).receipt.backlog, 0);
  server.kill("SIGTERM");
  assert.equal((await server.ended).code, 0);
  await data.remove();
});
