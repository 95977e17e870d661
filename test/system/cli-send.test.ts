/** `tidemark send` and `sensors` on a real server: what was sent is counted once, whatever happened to the answer. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer, request } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { dataDirectory, done, eventually, ROOT, succeeded, tidemark } from "./cli.ts";

const data = dataDirectory();
let url = "";
let server: ReturnType<typeof tidemark>;

before(async () => {
  server = tidemark(["serve", "--data", data.path, "--port", "0"]);
  url = /listening on (\S+):/.exec(await server.until(/listening on \S+: /))?.[1] ?? assert.fail();
});
after(async () => {
  server.kill("SIGTERM");
  await server.ended;
  await data.remove();
});

/** `tidemark ARGS` with lines for input. */
async function piped(args: readonly string[], lines: string) {
  const child = spawn(process.execPath, [join(ROOT, "bin/tidemark.js"), ...args, "--url", url]);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdin.end(lines);
  const code = await new Promise((resolve) => child.on("close", resolve));
  return { code, stdout, stderr };
}

async function sensorOf(name: string): Promise<Record<string, unknown>> {
  const { items } = JSON.parse(await succeeded(["sensors", name, "--json", "--url", url]));
  assert.equal(items.length, 1);
  return items[0];
}

describe("send", () => {
  test("values, negative ones too, at a time, of a device", async () => {
    const args = [
      "send",
      "values",
      "21.5",
      "-3",
      "--time",
      "2020-01-13T15:12:00Z",
      "--device",
      "balcony",
      "--url",
      url,
    ];
    assert.equal(await succeeded(args), "appended 2 readings to values\n");
    await eventually(async () => assert.equal((await sensorOf("values"))["counted"], 2));
    const asked = [
      "query",
      "values",
      "min",
      "max",
      "count",
      "--from",
      "2020-01-13T15:12:00Z",
      "--to",
      "2020-01-13T15:12:00Z",
    ];
    const { result } = JSON.parse(await succeeded([...asked, "--json", "--url", url]));
    assert.deepEqual(result, { values: { min: -3, max: 21.5, count: 2 } });
  });

  test("lines of the input; what is no reading is told by its line and does not stop the others", async () => {
    const lines = '1\n\nabc\n{"value":3}\n{"value":4,\n5\n[{"value":1},{"value":2}]\n';
    const { code, stdout, stderr } = await piped(["send", "lines"], lines);
    assert.equal(code, 1);
    assert.equal(stdout, "appended 5 readings to lines\n");
    assert.match(stderr, /^tidemark: rejected 2 readings; tidemark rejections --sensor lines lists/);
    assert.match(stderr, /line 3: the value is not a number\n/);
    assert.match(stderr, /line 5: a bracket is not closed in this line; not sent\n/);
    const alone = await piped(["send", "lines", "--json"], "abc\n");
    assert.equal(alone.code, 1);
    assert.deepEqual(JSON.parse(alone.stdout), {
      appended: 0,
      rejected: 1,
      unsent: 0,
      problems: [{ line: 1, code: "not-a-number", reason: "the value is not a number" }],
    });
  });

  test("the same lines with the same boot are counted once", async () => {
    for (let i = 0; i < 2; i++) await piped(["send", "twice", "--boot", "import-1"], "1\n2\n3\n");
    await eventually(async () => {
      const { counted, duplicates } = await sensorOf("twice");
      assert.deepEqual([counted, duplicates], [3, 3]);
    });
  });

  test("a busy server is tried again, and an answer that is lost counts nothing twice", async () => {
    let requests = 0;
    const proxy = createServer((incoming, response) => {
      requests++;
      if (requests === 1) {
        response.writeHead(503, { "retry-after": "0" }).end('{"detail":"busy"}');
        return;
      }
      const outgoing = request(
        new URL(incoming.url ?? "", url),
        { method: "POST", headers: incoming.headers },
        (answer) => {
          // The server has it; nobody hears so.
          if (requests === 2) incoming.socket.destroy();
          else {
            response.writeHead(answer.statusCode ?? 0);
            answer.pipe(response);
          }
          answer.resume();
        },
      );
      incoming.pipe(outgoing);
    });
    await new Promise<void>((ready) => proxy.listen(0, "127.0.0.1", ready));
    const address = proxy.address();
    assert.ok(address !== null && typeof address === "object");
    const through = ["send", "once", "1", "2", "3", "--url", `http://127.0.0.1:${address.port}`];
    assert.equal(await succeeded(through), "appended 3 readings to once\n");
    proxy.closeAllConnections();
    proxy.close();
    assert.equal(requests, 3);
    await eventually(async () => {
      const { counted, duplicates } = await sensorOf("once");
      assert.deepEqual([counted, duplicates], [3, 3]);
    });
  });

  test("nobody there, and what is no value", async () => {
    const nobody = await done(["send", "values", "1", "--url", "http://127.0.0.1:1"]);
    assert.equal(nobody.code, 1);
    assert.match(
      nobody.stderr,
      /^tidemark: Cannot send to "values" at http:\/\/127\.0\.0\.1:1: nothing listens there .*\n.*tidemark start/,
    );
    const comma = await done(["send", "values", "21,5"]);
    assert.equal(comma.code, 2);
    assert.match(comma.stderr, /did you mean 21\.5\?\n$/);
  });
});

describe("sensors", () => {
  test("a table, chosen by wildcards, sorted; what is odd is said", async () => {
    await piped(["send", "plant-10"], "1\n");
    await piped(["send", "plant-9"], "1\n2\n");
    await eventually(async () => assert.equal((await sensorOf("plant-9"))["counted"], 2));
    const names = (text: string) =>
      text
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[0]);
    assert.deepEqual(names(await succeeded(["sensors", "plant-*", "--url", url])), ["SENSOR", "plant-9", "plant-10"]);
    const sorted = await succeeded(["sensors", "plant-*", "lines", "--sort", "held", "--url", url]);
    assert.deepEqual(names(sorted), ["SENSOR", "lines", "plant-9", "plant-10"]);
    assert.match(sorted, /^SENSOR +COUNT +RATE +LAST +AGE +LATE +DUPL +HELD +TROUBLE\nlines +5 .* 1 +–$/m);
  });

  test("one that is not there is told what was meant", async () => {
    const typo = await done(["sensors", "valeus", "--url", url]);
    assert.equal(typo.code, 1);
    assert.match(typo.stderr, /^tidemark: Cannot find valeus: there is no sensor valeus; did you mean values\?\n$/);
    const none = await done(["sensors", "x-*", "--url", url]);
    assert.match(none.stderr, /no sensor matches x-\*; tidemark sensors lists/);
  });
});

describe("query", () => {
  test("sensors and metrics with spaces, commas and wildcards; rounded in the table, exact in --json", async () => {
    await piped(["send", "q-10"], "1\n2\n2\n");
    await piped(["send", "q-9"], "1234\n");
    await eventually(async () => assert.equal((await sensorOf("q-9"))["counted"], 1));
    const rounded = "SENSOR  count       mean\nq-9         1  1,234.000\nq-10        3      1.667\n";
    const words = (...args: readonly string[]) => succeeded(["query", ...args, "--url", url]);
    assert.equal(await words("q-9", "q-10", "count", "mean"), rounded);
    assert.equal(await words("q-9,q-10", "count,mean"), rounded);
    assert.equal(await words("q-*", "count", "mean", "--from", "-1h"), rounded);
    const { result } = JSON.parse(await words("q-*", "mean", "--json"));
    assert.deepEqual(result, { "q-9": { mean: 1234 }, "q-10": { mean: 5 / 3 } });
  });

  test("what is neither, and what is not there", async () => {
    for (const [args, words] of [
      [["q-9", "avg"], /^tidemark: Cannot query avg: there is no such sensor or metric; did you mean average\?\n/],
      [["q-9", "valuse"], /did you mean values\?\n/],
      [["q9"], /^tidemark: Cannot find q9: there is no sensor q9; did you mean q-9\?\n/],
    ] as const) {
      const { code, stderr } = await done(["query", ...args, "--url", url]);
      assert.equal(code, 1);
      assert.match(stderr, words);
    }
  });
});
