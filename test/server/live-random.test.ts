/** Clients of the live stream that are slow, are cut and come back at random: their pictures end right, and no changed second is kept from them. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { Random } from "../../src/core/random.ts";
import { HEARTBEAT_MS, LIVE_TICK_MS, STUCK_CLIENT_MS_MAX } from "../../src/server/limits.ts";
import { LiveFeed, type LiveRequest } from "../../src/server/live-feed.ts";
import type { LiveRow } from "./event-stream.ts";
import { NOON } from "./fixture.ts";
import { ScanEngine } from "./scan-engine.ts";

/** Writes that a connection holds until it is read. */
const WRITES_MAX = 2;

/** Events that were sent, and after how many changes. */
interface Sent {
  readonly text: string;
  readonly change: number;
}

/** A connection that is read when the test likes. */
class Connection extends EventEmitter {
  readonly req = { socket: new EventEmitter() };
  readonly unread: Sent[] = [];
  readonly #onWrite: (text: string) => Sent;

  constructor(onWrite: (text: string) => Sent) {
    super();
    this.#onWrite = onWrite;
  }

  get writableNeedDrain(): boolean {
    return this.unread.length >= WRITES_MAX;
  }

  write(text: string): void {
    this.unread.push(this.#onWrite(text));
  }

  end(): void {}

  destroy(): void {
    this.emit("close");
  }
}

interface Told {
  readonly id: string;
  readonly name: string;
  readonly resumed: boolean | undefined;
  readonly rows: readonly LiveRow[];
}

function parse(text: string): Told[] {
  return [...text.matchAll(/^id: (\S+)\nevent: (\w+)\ndata: (.*)$/gm)].map(([, id, name, data]) => {
    const { sensors, resumed } = JSON.parse(data);
    return { id, name, resumed, rows: sensors };
  });
}

/** A client that keeps what it was told, as a dashboard does. */
class Client {
  readonly sensors: ReadonlySet<string> | null;
  readonly rows = new Map<string, LiveRow>();
  /** What changed since it first came and it was not told yet: by `sensor cause second`, the number of the change. */
  readonly owed = new Map<string, number>();
  lastEventId: string | null = null;
  connection: Connection | null = null;

  constructor(sensors: ReadonlySet<string> | null) {
    this.sensors = sensors;
  }

  read(events: number): void {
    for (const { text, change } of this.connection?.unread.splice(0, events) ?? []) {
      for (const event of parse(text)) this.#take(event, change);
    }
  }

  #take({ id, name, resumed, rows }: Told, change: number): void {
    if (name === "snapshot") {
      assert.equal(
        resumed,
        this.lastEventId !== null,
        "a client that comes back to the same process is told what it missed",
      );
      this.rows.clear();
    }
    this.lastEventId = id;
    for (const row of rows) {
      assert.ok(
        Number(row.count) >= Number(this.rows.get(row.sensor)?.count ?? 0),
        "an older row came after a newer one",
      );
      this.rows.set(row.sensor, row);
      for (const { cause, from, toExclusive } of row.changes) {
        for (const [key, number] of this.owed) {
          const [sensor, why, second] = key.split(" ");
          const isTold =
            sensor === row.sensor && why === cause && +second * 1000 >= from && +second * 1000 < toExclusive;
          if (isTold && number <= change) this.owed.delete(key);
        }
      }
    }
  }
}

/** One life of a feed, in time that the test makes. */
class Life {
  readonly engine = new ScanEngine(["a", "b", "c"]);
  readonly clock = new ManualClock(NOON);
  readonly clients: Client[] = [];
  readonly feed: LiveFeed;
  readonly #context: TestContext;
  readonly #random: Random;
  #monotonic = 0;
  #changes = 0;

  constructor(context: TestContext, seed: number) {
    this.#context = context;
    this.#random = new Random(seed);
    context.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
    context.mock.method(performance, "now", () => this.#monotonic);
    this.feed = new LiveFeed(this.engine, this.clock, (error) => {
      throw error;
    });
  }

  pass(ms: number): void {
    for (let left = ms; left > 0; left -= LIVE_TICK_MS) {
      const step = Math.min(left, LIVE_TICK_MS);
      this.#monotonic += step;
      this.clock.advance(step);
      this.#context.mock.timers.tick(step);
    }
  }

  connect(client: Client): void {
    const { sensors, lastEventId } = client;
    if (lastEventId === null) client.owed.clear(); // it read nothing before
    const asked: LiveRequest = { sensors, lastEventId };
    const connection = new Connection((text) => {
      this.#mustBeOfNow(text);
      return { text, change: this.#changes };
    });
    connection.write(this.feed.greeting(asked));
    client.connection = connection;
    connection.once("close", () => {
      if (client.connection === connection) client.connection = null; // what was on its way is lost
    });
    this.feed.join(connection as unknown as ServerResponse, asked);
  }

  /** Whatever is sent is the state of this moment, also what was waiting, and however slow the client is. */
  #mustBeOfNow(text: string): void {
    for (const { rows } of parse(text)) {
      for (const { sensor, count, counted } of rows) {
        assert.deepEqual([count, counted], Array(2).fill(this.engine.status(sensor).totals.counted), sensor);
      }
    }
  }

  step(): void {
    const random = this.#random;
    const client = random.pick(this.clients);
    const kind = random.integer(0, 11);
    if (kind <= 3) this.#change();
    else if (kind <= 5) client.read(random.integer(1, 3));
    else if (kind === 6 && client.connection !== null) client.connection.destroy();
    else if (kind <= 8 && client.connection === null) this.connect(client);
    else if (kind === 9 && random.chance(0.1)) this.engine.appear(`s${this.engine.sensors.size}`);
    else this.pass(random.chance(0.05) ? STUCK_CLIENT_MS_MAX : random.integer(1, 300));
  }

  #change(): void {
    const random = this.#random;
    const { name } = random.pick(this.engine.sensors.list());
    const now = Math.floor(this.clock.now() / 1000);
    if (random.chance(0.1)) {
      this.engine.add(name); // duplicates only
      return;
    }
    const cause = random.pick(["reading", "reading", "reading", "late", "released"]);
    const second = cause === "reading" ? now - random.integer(0, 1) : now - random.integer(60, 100_000);
    // Only who has had its first snapshot is owed what changes from now on.
    this.#changes++;
    for (const { sensors, owed, lastEventId, connection } of this.clients) {
      const isOwed = connection !== null || lastEventId !== null;
      if (isOwed && (sensors?.has(name) ?? true)) owed.set(`${name} ${cause} ${second}`, this.#changes);
    }
    if (cause === "released") this.engine.released(name, second);
    else this.engine.add(name, [second * 1000, random.integer(0, 100), cause === "late"]);
  }

  /** All come back, read all there is, and nothing moves any more. */
  settle(): void {
    this.pass(200_000);
    for (const client of this.clients) if (client.connection === null) this.connect(client);
    for (let i = 0; i < HEARTBEAT_MS / LIVE_TICK_MS + 5; i++) {
      for (const client of this.clients) client.read(Number.POSITIVE_INFINITY);
      this.pass(LIVE_TICK_MS);
    }
  }
}

const lasting = ({ ageMs: _age, changes: _changes, ...rest }: LiveRow): object => rest;

for (let seed = 1; seed <= 10; seed++) {
  test(`pictures end right and every changed second is told: seed ${seed}`, (context) => {
    const life = new Life(context, seed);
    for (const sensors of [null, null, ["a"], ["b", "c"]]) life.clients.push(new Client(sensors && new Set(sensors)));
    for (let i = 0; i < 1500; i++) life.step();
    life.settle();
    for (const { sensors, rows, owed } of life.clients) {
      const fresh = parse(life.feed.greeting({ sensors, lastEventId: null }))[0].rows;
      assert.deepEqual([...rows.values()].map(lasting).sort(byName), fresh.map(lasting).sort(byName));
      assert.deepEqual([...owed], []);
    }
    const { resumed, restarted, framesDropped, cut } = life.feed.counts;
    assert.ok(resumed > 10 && framesDropped > 10 && cut > 0 && restarted === 0, JSON.stringify(life.feed.counts));
    life.feed.close();
    assert.equal(life.engine.listeners, 0);
  });
}

function byName(a: object, b: object): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}
