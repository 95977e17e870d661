/** What tidemark knows of its sensors, and what it holds back: readings in quarantine and rejected records, to look at, release or discard. */
import { isUtf8 } from "node:buffer";
import type { FastifyInstance, FastifyReply } from "fastify";
import { TidemarkError } from "../core/errors.ts";
import { formatMs } from "../core/time.ts";
import type { SensorDirectory } from "../engine/directory.ts";
import type { Engine, Page, Quarantined, RejectedRecord, SensorStatus } from "../engine/engine.ts";
import { type BodyBudget, takeBodies } from "./body-reader.ts";
import { parseLenient } from "./lenient-json.ts";
import { IDS_BODY_BYTES_MAX } from "./limits.ts";
import { idsAsked, invalid, pageAsked, textOf } from "./list-request.ts";
import { namesShown } from "./names-shown.ts";

const SENSORS_PATH = "/sensors";
const QUARANTINE_PATH = "/quarantine";
const REJECTIONS_PATH = "/rejections";

/** What a list is asked for, and what can be done with its items. */
interface Held<T> {
  list(query: { sensor?: string; after?: number; limit: number }): Page<T>;
  show(item: T): object;
  release(ids: readonly number[]): Promise<number>;
  discard(ids: readonly number[]): Promise<number>;
}

export function registerLists(scope: FastifyInstance, engine: Engine, budget: BodyBudget): void {
  takeBodies(scope, IDS_BODY_BYTES_MAX, budget);
  scope.addHook("preValidation", (request, _reply, done) => {
    if (Buffer.isBuffer(request.body)) {
      const parsed = parseLenient(request.body.toString("utf8"));
      budget.give(request.body.length);
      if ("unreadable" in parsed) return done(invalid(`expected {"ids":[…]}, ${parsed.unreadable}`));
      request.body = parsed.value;
    }
    done();
  });
  registerSensors(scope, engine);
  registerHeld(scope, QUARANTINE_PATH, engine.sensors, {
    list: (query) => engine.listQuarantine(query),
    show: shownQuarantined,
    release: (ids) => engine.releaseQuarantine(ids),
    discard: (ids) => engine.discardQuarantine(ids),
  });
  registerHeld(scope, REJECTIONS_PATH, engine.sensors, {
    list: (query) => engine.listRejections(query),
    show: shownRejection,
    release: (ids) => engine.releaseRejections(ids),
    discard: (ids) => engine.discardRejections(ids),
  });
}

/** Sensors have no ids: `after` counts them in the order of the directory, to which sensors are added at the end. */
function registerSensors(scope: FastifyInstance, engine: Engine): void {
  scope.get(SENSORS_PATH, (request, reply) => {
    const { after: start = 0, limit } = pageAsked(request.query);
    const end = start + limit;
    const { sensors } = engine;
    const items = sensors.list().slice(start, end);
    return sendFresh(reply, {
      items: items.map(({ name }) => shownStatus(engine.status(name))),
      next: end < sensors.size ? end : null,
    });
  });
}

function registerHeld<T>(scope: FastifyInstance, path: string, sensors: SensorDirectory, held: Held<T>): void {
  scope.get(path, (request, reply) => {
    const sensor = textOf(request.query, "sensor");
    if (sensor !== undefined && sensors.find(sensor) === undefined) {
      const what = `Cannot list ${path.slice(1)} of "${sensor}"`;
      throw new TidemarkError("not-found", `${what}: expected one of ${namesShown(sensors)}`);
    }
    const page = held.list({ ...pageAsked(request.query), ...(sensor === undefined ? {} : { sensor }) });
    return sendFresh(reply, { items: page.items.map((item) => held.show(item)), next: page.next });
  });
  scope.post(`${path}/release`, async (request) => {
    const ids = idsAsked(request.body);
    return { asked: ids.length, released: await held.release(ids) };
  });
  scope.post(`${path}/discard`, async (request) => {
    const ids = idsAsked(request.body);
    return { asked: ids.length, discarded: await held.discard(ids) };
  });
}

function sendFresh(reply: FastifyReply, body: object): FastifyReply {
  return reply.header("cache-control", "no-store").send(body);
}

function shownTime(ms: number | null): string | null {
  return ms === null ? null : formatMs(ms);
}

function shownStatus(status: SensorStatus): object {
  const { totals, ...rest } = status;
  return {
    ...rest,
    ...totals,
    completeUntil: shownTime(status.completeUntil),
    firstTime: shownTime(status.firstTime),
    lastTime: shownTime(status.lastTime),
    lastArrival: shownTime(status.lastArrival),
  };
}

function shownQuarantined(item: Quarantined): object {
  const { id, sensor, device, boot, sequence, value, reason } = item;
  const [time, judgedAgainst] = [formatMs(item.time), formatMs(item.judgedAgainst)];
  return { id, sensor, device, boot, sequence, value, time, judgedAgainst, reason };
}

/** Bytes are shown as text where they are UTF-8, else in base64; `bytesEncoding` says which. */
function shownRejection(item: RejectedRecord): object {
  const { id, sensor, partition, offset, code, reason, bytes, length } = item;
  const whole = length > bytes.length ? withoutCutCharacter(bytes) : bytes;
  const shown = isUtf8(whole)
    ? { bytesEncoding: "utf8", bytes: Buffer.from(whole).toString("utf8") }
    : { bytesEncoding: "base64", bytes: Buffer.from(bytes).toString("base64") };
  const [cut, arrival] = [length > bytes.length, formatMs(item.arrival)];
  return { id, sensor, partition, offset, code, reason, ...shown, length, cut, arrival };
}

/** Cut bytes may end within a character, which is up to four bytes long: a lead byte (11……) and the following (10……). */
function withoutCutCharacter(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back];
    if (byte >= 0xc0) return bytes.subarray(0, bytes.length - back);
    if (byte < 0x80) break;
  }
  return bytes;
}
