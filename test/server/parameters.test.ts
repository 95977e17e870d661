/** Parameters of queries that no route knows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openFixture } from "./fixture.ts";

test("a parameter that a route does not know is refused, with those it knows; but none that is there against caches", async (context) => {
  const { app } = await openFixture();
  context.after(() => app.close());
  const detail = async (method: "GET" | "POST", url: string): Promise<unknown> => {
    const response = await app.inject({
      method,
      url,
      payload: method === "POST" ? '{"temperature":["count"]}' : "",
    });
    assert.equal(response.statusCode, 400, url);
    return url.startsWith("/compute") ? response.json().errors[0] : response.json().detail;
  };
  const what = "Cannot read the request: unknown parameter";
  assert.equal(
    await detail("POST", "/compute/metrics?receipt=true&Recipt=true"),
    `${what} "Recipt", expected receipt, timezone, asOf, complete, device, by, after, limit, top; did you mean receipt?`,
  );
  assert.equal(await detail("GET", "/sensors?Limit=3"), `${what} "Limit", expected after, limit; did you mean limit?`);
  assert.equal(await detail("GET", "/quarantine?device=d"), `${what} "device", expected after, limit, sensor`);
  assert.match(String(await detail("GET", "/series?sensor=t&metric=mean")), /did you mean metrics\?$/);
  for (const [method, url] of [
    ["GET", "/live?x=1"],
    ["GET", "/metrics?x"],
    ["GET", "/about?x=1"],
    ["POST", "/readings/temperature?time=1"],
    ["POST", "/quarantine/release?all=true"],
    ["POST", "/sensors/skip?to=1"],
  ] as const) {
    assert.match(String(await detail(method, url)), /unknown parameter "(x|time|all|to)", expected /, url);
  }
  for (const url of ["/sensors?_=1736", "/about?_ts=3", "/livez?x=1", "/readyz?verbose", "/?x=1"]) {
    assert.equal((await app.inject(url)).statusCode, 200, url);
  }
  assert.equal((await app.inject("/nowhere?x=1")).statusCode, 404);
});
