/** The page's files: types, policy, codings, caching, and nothing else than they. In a browser: test/face/. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { type Fixture, openFixture } from "./fixture.ts";

suite("the page", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await openFixture({ token: "0123456789abcdef" });
  });
  after(() => fixture.app.close());
  const get = (url: string, headers: Record<string, string> = {}) => fixture.app.inject({ url, headers });

  test("is shown to all, runs nothing but its files and asks nobody else", async () => {
    const { statusCode, headers, body } = await get("/");
    assert.equal(statusCode, 200);
    assert.equal(headers["content-type"], "text/html; charset=utf-8");
    assert.equal(
      headers["content-security-policy"],
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    );
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.doesNotMatch(body, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  });

  test("is few files: one for the frame and the first page, one for each other page, each there, without types", async () => {
    const { body } = await get("/");
    assert.deepEqual(
      [...body.matchAll(/(?:src|href)="(page\/[^"]+)"/g)].map(([, path]) => path),
      ["page/face/style.css", "page/face/now/page.css", "page/app.js"],
    );
    const { body: app } = await get("/page/app.js");
    const later = [...app.matchAll(/import\("\.\/([^"]+)"\)/g)].map(([, path]) => path);
    assert.ok(later.includes("history.js") && later.length >= 3, `${later}`);
    for (const path of ["app.js", "docs.js", ...later]) {
      const { statusCode, headers, body: text } = await get(`/page/${path}`);
      assert.equal(statusCode, 200, path);
      assert.equal(headers["content-type"], "text/javascript; charset=utf-8");
      assert.doesNotMatch(text, /\.ts"|^import type|^ *\/\*\*/m);
      const imports = [...text.matchAll(/^import\{.*\}from"(.*)";$/gm)].map(([, from]) => from);
      assert.deepEqual(imports, later.includes(path) ? ["./app.js"] : [], path);
    }
  });

  test("comes in the smallest coding that the client takes", async () => {
    const plain = (await get("/page/face/style.css")).body;
    for (const [accepted, coding] of [
      ["gzip, deflate, br", "br"],
      ["br;q=0, gzip", "gzip"],
      ["deflate", undefined],
      ["GZIP;q=0.5", "gzip"],
      ["br;q=0.0", undefined],
    ]) {
      const { headers, rawPayload } = await get("/page/face/style.css", { "accept-encoding": accepted ?? "" });
      assert.equal(headers["content-encoding"], coding, accepted);
      assert.equal(headers["vary"], "Accept-Encoding");
      const bytes =
        coding === "br" ? brotliDecompressSync(rawPayload) : coding === "gzip" ? gunzipSync(rawPayload) : rawPayload;
      assert.equal(bytes.toString(), plain);
    }
  });

  test("is kept by browsers, and asked about", async () => {
    const { headers } = await get("/page/app.js");
    assert.equal(headers["cache-control"], "no-cache");
    const again = await get("/page/app.js", { "if-none-match": `W/"other", ${headers["etag"]}` });
    assert.equal(again.statusCode, 304);
    assert.equal(again.body, "");
  });

  test("nothing else of the folder can be had", async () => {
    for (const path of [
      "face/app.ts",
      "face/tsconfig.json",
      "server/server.js",
      "face/",
      "index.htm",
      "..%2fpackage.json",
    ]) {
      assert.equal((await get(`/page/${path}`)).statusCode, 404, path);
    }
    assert.equal((await get("/page/../package.json")).statusCode, 401);
  });

  test("GET /about needs the token, and says which tidemark this is", async () => {
    assert.equal((await get("/about")).statusCode, 401);
    const { version, ...rest } = (await get("/about", { authorization: "Bearer 0123456789abcdef" })).json();
    assert.match(version, /^\d+\.\d+\.\d+/);
    assert.deepEqual(rest, {
      timezone: "Europe/Berlin",
      time: "2020-01-13T12:00:00.000Z",
      token: true,
      roles: ["read", "write", "admin"],
    });
  });
});
