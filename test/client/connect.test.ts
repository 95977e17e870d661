/** The typed client against a real server: answers as over HTTP, readings counted once whatever is lost on the way, a stream that comes back. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { connect, type LiveEvent, TidemarkError, UnsentError } from "../../src/client/connect.ts";
import { openLosingProxy } from "./losing-proxy.ts";
import { type OwnServer, openServer } from "./server.ts";

const DAY = "2020-01-13";
let server: OwnServer;
before(async () => {
  server = await openServer();
});
after(() => server.close());

/** Asks until an answer is as expected: readings go from the log into the history right after they are acknowledged. */
async function eventually(check: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await check();
    } catch (error) {
      if (tries === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe("client", () => {
  test("sends, computes, lists, and draws a series", async () => {
    const tidemark = connect(server.url);
    const sent = await tidemark.send("indoor", [
      { value: 20, time: `${DAY} 10:00:00` },
      { value: 23, time: new Date(`${DAY}T10:30:00Z`) },
      { value: 21, time: Date.parse(`${DAY}T11:00:00Z`) },
    ]);
    assert.deepEqual(sent, { appended: 3, rejected: 0, problems: [] });
    await eventually(async () => {
      const { indoor } = await tidemark.compute({ indoor: ["count", "mean", "p50"] }, { from: DAY, to: DAY });
      assert.deepEqual(indoor, { count: 3, mean: 64 / 3, p50: 21 });
    });
    const series = await tidemark.series({
      sensors: "indoor",
      metrics: ["count", "max"],
      from: `${DAY} 10:00`,
      toExclusive: new Date(`${DAY}T13:00:00Z`),
      every: "1h",
    });
    assert.deepEqual(series.series, { indoor: { count: [2, 1, 0], max: [23, 21, null] } });
    assert.equal(series.edges.length, 4);
    const [info] = await tidemark.sensors();
    assert.deepEqual([info.sensor, info.counted, info.devices], ["indoor", 3, 1]);
  });

  test("counts once what is sent again, as its answer was lost or the server was busy", async () => {
    const proxy = await openLosingProxy(server.port);
    try {
      const tidemark = connect(proxy.url, { device: "attic" });
      proxy.plan.push("lost", "busy", "lost");
      assert.equal((await tidemark.send("lossy", [1, 2, 3])).appended, 3);
      assert.equal((await tidemark.send("lossy", 4)).appended, 1);
      assert.equal(proxy.seen.length, 5);
      const direct = connect(server.url);
      await eventually(async () => {
        const lossy = (await direct.sensors()).find(({ sensor }) => sensor === "lossy");
        assert.deepEqual([lossy?.counted, lossy?.duplicates, lossy?.devices], [4, 6, 1]);
      });
    } finally {
      proxy.close();
    }
  });

  test("hands back what it could not send, with the identities that count it once", async () => {
    const proxy = await openLosingProxy(server.port);
    proxy.plan.push("lost");
    const tidemark = connect(proxy.url);
    const error = await tidemark.send("unsure", [7, 8], { withinMs: 0 }).then(
      () => assert.fail("it was sent"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof UnsentError && error.retryable, String(error));
    assert.deepEqual([error.code, error.unsent.length], ["server-unreachable", 2]);
    await tidemark.send("unsure", error.unsent);
    proxy.close();
    await eventually(async () => {
      assert.equal((await connect(server.url).compute({ unsure: ["count"] })).unsure.count, 2);
    });
    await assert.rejects(tidemark.send("unsure", 9, { withinMs: 0 }), /Cannot reach http/);
  });

  test("errors are those of the server, typed", async () => {
    const tidemark = connect(server.url);
    await assert.rejects(tidemark.compute({ nowhere: ["count"] }), (error: unknown) => {
      assert.ok(error instanceof TidemarkError);
      assert.deepEqual([error.code, error.retryable], ["request-invalid", false]);
      assert.equal(error.message, "Unexpected key nowhere in the request body");
      return true;
    });
    await assert.rejects(tidemark.send("a/b", 1), { code: "request-invalid" });
    await assert.rejects(tidemark.series({ sensors: "nowhere" }), /sensor "nowhere": expected one of/);
    assert.throws(() => connect("localhost:5000"), /expected a URL such as http:\/\/localhost:5000/);
    const writer = "a-token-that-only-writes";
    const guarded = await openServer("--token", "sixteen-or-more-characters", "--token-write", writer);
    try {
      await assert.rejects(connect(guarded.url).sensors(), { code: "not-authorized" });
      await assert.rejects(connect(guarded.url).live().next(), { code: "not-authorized" });
      assert.deepEqual(await connect(guarded.url, { token: "sixteen-or-more-characters" }).sensors(), []);
      const sender = connect(guarded.url, { token: writer });
      for (const asked of [sender.sensors(), sender.live().next(), sender.series({ sensors: "a" })]) {
        await assert.rejects(asked, {
          code: "role-missing",
          message: /expected a token of the role read, was one of write/,
        });
      }
      await assert.rejects(sender.compute({ a: ["count"] }), /expected a token of the role read, was one of write/);
      assert.equal((await sender.send("a", 1)).appended, 1);
    } finally {
      await guarded.close();
    }
  });

  test("the live stream goes on after its connection is lost, from where it was", { timeout: 30_000 }, async () => {
    const proxy = await openLosingProxy(server.port);
    const tidemark = connect(proxy.url);
    const direct = connect(server.url);
    const live = tidemark.live();
    const next = async (wanted: (event: LiveEvent) => boolean): Promise<LiveEvent> => {
      for (;;) {
        const { value, done } = await live.next();
        assert.ok(done !== true);
        if (wanted(value)) return value;
      }
    };
    const has = (count: number) => (event: LiveEvent) =>
      event.sensors.some((sensor) => sensor.sensor === "streamed" && sensor.count === count);
    try {
      const first = await next(() => true);
      assert.deepEqual([first.kind, first.resumed], ["snapshot", false]);
      await direct.send("streamed", 1);
      await next(has(1));
      proxy.cut();
      await direct.send("streamed", 2);
      const again = await next(() => true);
      assert.deepEqual([again.kind, again.resumed], ["snapshot", true]);
      if (!has(2)(again)) await next(has(2));
      assert.equal(proxy.seen.length, 2);
      await assert.rejects(
        connect(proxy.url)
          .live({ sensors: ["nowhere"] })
          .next(),
        { code: "request-invalid" },
      );
    } finally {
      await live.return();
      proxy.close();
    }
  });
});
