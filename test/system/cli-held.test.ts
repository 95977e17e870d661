/** `tidemark quarantine` and `tidemark rejections` end to end: what is held back, dealt with one by one, of a device, of a sensor, all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dataDirectory, done, eventually, freePort, succeeded, tidemark } from "./cli.ts";

test("held back, listed, released and discarded", async () => {
  const data = dataDirectory();
  const port = await freePort();
  const server = tidemark(["serve", "--data", data.path, "--port", String(port), "--sensors", "cellar,attic"]);
  await server.until(/listening on/);
  const url = `http://127.0.0.1:${port}`;
  const time = Date.now() + 86_400_000;
  for (const sensor of ["cellar", "attic"]) {
    const lines = [0, 1, 2, 3].map((i) =>
      JSON.stringify({ device: `d${i % 2}`, sequence: i, value: i, time: time + i }),
    );
    const sent = await fetch(`${url}/readings/${sensor}`, { method: "POST", body: [...lines, "junk"].join("\n") });
    assert.equal(sent.status, 200);
  }
  const run = (...args: string[]) => succeeded([...args, "--url", url]);
  const listed = async (what: string): Promise<{ id: number; sensor: string; device: string }[]> =>
    JSON.parse(await run(what, "list", "--json")).items;
  await eventually(async () => assert.equal((await listed("rejections")).length, 2));
  const items = await listed("quarantine");
  assert.equal(items.length, 8);
  assert.equal(await run("quarantine", "release", String(items[0].id), "999"), "released 1 of 2\n");
  assert.equal(await run("quarantine", "release", "--sensor", "cellar", "--device", "d1"), "released 2\n");
  assert.equal(await run("quarantine", "discard", "--device", "d1"), "discarded 2\n");
  assert.equal(await run("quarantine", "release", "--all"), "released 3\n");
  assert.equal(await run("quarantine"), "nothing in quarantine\n");
  assert.equal(await run("rejections", "release", "--all"), "released 0\n");
  assert.equal(await run("rejections", "discard", "--sensor", "attic"), "discarded 1\n");
  assert.equal((await listed("rejections")).length, 1);
  const unknown = await done(["quarantine", "release", "--sensor", "nowhere", "--url", url]);
  assert.deepEqual([unknown.code, /expected one of "?cellar/.test(unknown.stderr)], [1, true], unknown.stderr);
  const { items: statuses } = JSON.parse(await (await fetch(`${url}/sensors`)).text());
  assert.deepEqual(
    statuses.map(({ counted, quarantined }: { counted: number; quarantined: number }) => [counted, quarantined]),
    [
      [4, 0],
      [2, 2],
    ],
  );
  server.kill("SIGTERM");
  await server.ended;
  await data.remove();
});
