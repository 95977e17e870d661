/** `GET /openapi.json`: what it must have, what a public linter says of it, and that each of its examples works on a real server. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type App, openApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/config.ts";
import { METRICS } from "../../src/metrics/registry.ts";
import { type Api, Described, type Operation } from "./described.ts";
import { openFixture } from "./fixture.ts";

/** Named by a variable: where it is not installed, the types are checked all the same. */
const LINTER = "@redocly/openapi-core";

interface Linter {
  createConfig(config: { extends: string[] }): Promise<unknown>;
  lintFromString(options: { source: string; absoluteRef: string; config: unknown }): Promise<readonly Found[]>;
}

interface Found {
  readonly ruleId: string;
  readonly message: string;
  readonly location: readonly { readonly pointer?: string }[];
}

/** Nothing stands still on this server, and it has no token. */
const REFUSED = ["postSensorsSkip", "postSession"];

const TOKEN = "0123456789abcdef";

describe("GET /openapi.json", () => {
  for (const token of [null, TOKEN]) {
    test(`Redocly's linter finds nothing, ${token === null ? "without" : "with"} a token`, async (t) => {
      const linter: Linter | null = await import(LINTER).catch(() => null);
      if (linter === null) return t.skip(`there is no ${LINTER} (npm ci)`);
      const { app } = await openFixture({ token });
      const { body: source } = await app.inject({
        url: "/openapi.json",
        headers: { authorization: `Bearer ${token}` },
      });
      await app.close();
      const config = await linter.createConfig({ extends: ["recommended"] });
      const lint = async (source: string): Promise<string[]> => {
        const found = await linter.lintFromString({ source, absoluteRef: "openapi.json", config });
        return found.map(({ ruleId, message, location }) => `${location[0]?.pointer} ${ruleId}: ${message}`);
      };
      assert.deepEqual(await lint(source), []);
      const broken = source.replaceAll('"operationId":"getLivez"', '"operationId":"getSensors"');
      assert.match(String(await lint(broken)), /operation-operationId-unique/);
    });
  }

  test("metrics are those of the registry; routes without a schema are not there", async () => {
    const { app, server } = await openFixture();
    const { components, paths } = (await app.inject("/openapi.json")).json();
    const names = components.schemas.MetricName.anyOf.map(({ const: name }: { const?: string }) => name);
    assert.deepEqual(names, [...METRICS.map(({ name }) => name), undefined]);
    assert.match("p99.9", new RegExp(components.schemas.MetricName.anyOf.at(-1).pattern));
    const described = server.routes.filter(({ schema, method }) => schema?.facts && method !== "HEAD");
    assert.equal(Object.values(paths).flatMap((path) => Object.keys(path as object)).length, described.length);
    await app.close();
  });

  test("a token is asked for where there is one, but not by the probes", async () => {
    const { app } = await openFixture({ token: TOKEN });
    const api = (await app.inject({ url: "/openapi.json", headers: { authorization: `Bearer ${TOKEN}` } })).json();
    assert.deepEqual(api.security, [{ token: [] }, { session: [] }]);
    assert.deepEqual(api.paths["/livez"].get.security, []);
    for (const [path, verb, role] of [
      ["/sensors", "get", "read"],
      ["/readings/{sensor}", "post", "write"],
      ["/quarantine/release", "post", "admin"],
    ]) {
      assert.deepEqual(api.paths[path][verb].security, [{ token: [role] }, { session: [role] }], path);
    }
    assert.equal(api.paths["/about"].get.security, undefined);
    assert.match(api.components.securitySchemes.session.name, /^tidemark-[0-9a-f]{8}$/);
    await app.close();
  });
});

describe("examples of the description", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-api-"));
  let app: App;
  let api: Api;
  let described: Described;

  before(async () => {
    const { invocation } = loadConfig(["serve", "--data", directory], {}, "/");
    if (invocation.command !== "serve") throw new Error("not serve");
    app = await openApp({ ...invocation.config, port: 0 });
    api = (await (await fetch(`http://127.0.0.1:${app.port}/openapi.json`)).json()) as Api;
    described = new Described(api);
  });

  after(async () => {
    await app.close();
    rmSync(directory, { recursive: true });
  });

  /** Sends one example, and holds what comes back against what is said of it. */
  async function run(path: string, method: string, operation: Operation, name: string): Promise<void> {
    const query = new URLSearchParams();
    const headers: Record<string, string> = {};
    let target = path;
    for (const parameter of operation.parameters ?? []) {
      const value = parameter.examples?.[name]?.value;
      if (value === undefined) continue;
      if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(String(value)));
      else if (parameter.in === "query") query.set(parameter.name, String(value));
      else headers[parameter.name] = String(value);
    }
    let body: string | null = null;
    for (const [type, { examples }] of Object.entries(operation.requestBody?.content ?? {})) {
      const value = examples?.[name]?.value;
      if (value === undefined) continue;
      body =
        typeof value === "string"
          ? value
          : type === "application/x-www-form-urlencoded"
            ? new URLSearchParams(value as Record<string, string>).toString()
            : JSON.stringify(value);
      headers["content-type"] = type;
    }
    const url = `${target}?${query}`;
    const response = await fetch(`http://127.0.0.1:${app.port}${url}`, { method, headers, body });
    const text = await response.text();
    const { status } = response;
    const answered = { method, url, status, headers: Object.fromEntries(response.headers), body: text };
    assert.equal(described.fault(answered), null);
    const wanted = api.paths[path][method].responses["200"]?.content?.["application/json"]?.examples?.[name]?.value;
    if (wanted !== undefined) assert.deepEqual(JSON.parse(text), wanted);
    const done = wanted === undefined && "204" in operation.responses ? 204 : 200;
    assert.equal(status, REFUSED.includes(operation.operationId) ? 400 : done, text);
  }

  /** Until what was appended is taken in. */
  async function takenIn(count: number): Promise<void> {
    for (let counted = 0; counted < count; ) {
      const { items } = (await (await fetch(`http://127.0.0.1:${app.port}/sensors`)).json()) as {
        items: { counted: number }[];
      };
      counted = items.reduce((sum, item) => sum + item.counted, 0);
    }
  }

  test("each works, and answers what it says", async () => {
    const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    const readings = operations.filter(({ path }) => path.startsWith("/readings/"));
    assert.equal(readings.length, 1);
    let ran = 0;
    for (const { path, method, operation } of [...readings, ...operations.filter((each) => !readings.includes(each))]) {
      if (path !== readings[0].path) await takenIn(5);
      const bodies = Object.values(operation.requestBody?.content ?? {});
      const sources = [...(operation.parameters ?? []), ...bodies];
      for (const name of new Set(sources.flatMap(({ examples = {} }) => Object.keys(examples)))) {
        await run(path, method, operation, name);
        ran++;
      }
      if (bodies.length > 0)
        assert.ok(
          bodies.some(({ examples }) => examples !== undefined),
          path,
        );
    }
    assert.ok(ran >= 14, `${ran}`);
  });
});
