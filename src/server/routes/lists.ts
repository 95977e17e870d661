/** Lists of sensors, quarantined readings and rejected records; the latter two can be released or discarded. */
import { isUtf8 } from "node:buffer";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { TidemarkError } from "../../core/errors.ts";
import { formatMs } from "../../core/time.ts";
import { namesShown } from "../../engine/directory.ts";
import type { Engine, ListPart, Quarantined, RejectedRecord, SensorStatus } from "../../engine/engine.ts";
import type { BodyBudget } from "../body-budget.ts";
import { takeJson } from "../json-body.ts";
import { IDS_BODY_BYTES_MAX } from "../limits.ts";
import { IDS, PART_PARAMETERS, type PartQuery, partAsked, partOf, SENSOR_PARAMETER } from "../list-request.ts";
import { describe, NATURAL, objectOf, queryOf, type Schema, TEXT, TEXT_OR_NULL, TIME } from "../route-schema.ts";
import { STATUS, TOTALS } from "../status-schema.ts";

const SENSORS_PATH = "/sensors";

interface ListQuery extends PartQuery {
  readonly sensor?: string;
}

/** A sensor as `GET /sensors` shows it. */
const SENSOR = objectOf({ ...STATUS, ...TOTALS });

const QUARANTINED = objectOf({
  id: NATURAL,
  sensor: TEXT,
  device: TEXT,
  boot: TEXT_OR_NULL,
  sequence: { type: ["integer", "null"] },
  value: { type: "number" },
  time: TIME,
  judgedAgainst: TIME,
  reason: { enum: ["ahead", "before-2000"] },
});

const REJECTION = objectOf({
  id: NATURAL,
  sensor: TEXT,
  partition: NATURAL,
  offset: NATURAL,
  reading: { ...NATURAL, description: "which of the record's readings it is, from 0 on" },
  code: TEXT,
  reason: TEXT,
  bytesEncoding: { enum: ["utf8", "base64"] },
  bytes: TEXT,
  length: NATURAL,
  cut: { type: "boolean", description: "whether there were more bytes than are shown" },
  arrival: TIME,
});

/** Where a list comes from, and what can be done with its items. */
interface ListSource<T> {
  /** Its path without the slash; also what its items are called. */
  readonly name: "quarantine" | "rejections";
  /** What an item of the answer looks like. */
  readonly item: Schema;
  readonly release: string;
  list(query: { sensor?: string; after?: number; limit: number }): ListPart<T>;
  show(item: T): object;
  doRelease(ids: readonly number[]): Promise<number>;
  doDiscard(ids: readonly number[]): Promise<number>;
}

/** Adds all of them. */
export function registerLists(scope: FastifyInstance, engine: Engine, budget: BodyBudget): void {
  takeJson(scope, IDS_BODY_BYTES_MAX, budget, '{"ids":[…]}');
  registerSensors(scope, engine);
  registerSource(scope, engine, {
    name: "quarantine",
    item: QUARANTINED,
    release: "Counts readings in quarantine after all",
    list: (query) => engine.listQuarantine(query),
    show: shownQuarantined,
    doRelease: (ids) => engine.releaseQuarantine(ids),
    doDiscard: (ids) => engine.discardQuarantine(ids),
  });
  registerSource(scope, engine, {
    name: "rejections",
    item: REJECTION,
    release: "Reads rejected records again, which a newer tidemark may be able to",
    list: (query) => engine.listRejections(query),
    show: shownRejection,
    doRelease: (ids) => engine.releaseRejections(ids),
    doDiscard: (ids) => engine.discardRejections(ids),
  });
}

/** Sensors have no ids: `after` counts them in the order of the directory, to which sensors are added at the end. */
function registerSensors(scope: FastifyInstance, engine: Engine): void {
  const schema = describe({
    summary: "Sensors in their order, with their totals and times",
    query: queryOf(PART_PARAMETERS),
    answer: partOf(SENSOR, { refused: { ...NATURAL, description: "names that were refused, as there were too many" } }),
    errors: [],
  });
  scope.get(SENSORS_PATH, { schema }, (request: FastifyRequest<{ Querystring: PartQuery }>, reply) => {
    const { after: start = 0, limit } = partAsked(request.query);
    const end = start + limit;
    const { sensors } = engine;
    const items = sensors.list().slice(start, end);
    return sendFresh(reply, {
      items: items.map(({ name }) => shownStatus(engine.status(name))),
      next: end < sensors.size ? end : null,
      refused: sensors.refused,
    });
  });
}

function registerSource<T>(scope: FastifyInstance, engine: Engine, source: ListSource<T>): void {
  const { name, item } = source;
  const listed = describe({
    summary: `What is in the list of ${name}, oldest first`,
    query: queryOf({ ...PART_PARAMETERS, sensor: SENSOR_PARAMETER }),
    answer: partOf(item),
    errors: ["not-found"],
  });
  scope.get(`/${name}`, { schema: listed }, (request: FastifyRequest<{ Querystring: ListQuery }>, reply) => {
    const { sensor } = request.query;
    if (sensor !== undefined && engine.sensors.find(sensor) === undefined) {
      const wanted = `expected one of ${namesShown(engine.sensors)}`;
      throw new TidemarkError("not-found", `Cannot list ${name} of "${sensor}": ${wanted}`);
    }
    const page = source.list({ ...partAsked(request.query), ...(sensor === undefined ? {} : { sensor }) });
    return sendFresh(reply, { items: page.items.map((item) => source.show(item)), next: page.next });
  });
  const changed = (summary: string, done: "released" | "discarded") =>
    describe({
      summary,
      body: IDS,
      answer: objectOf({ asked: NATURAL, [done]: NATURAL }),
      errors: ["request-too-large", "too-busy", "not-ready"],
    });
  type Ids = FastifyRequest<{ Body: { readonly ids: readonly number[] } }>;
  const releaseSchema = changed(source.release, "released");
  scope.post(`/${name}/release`, { schema: releaseSchema }, async (request: Ids) => {
    const ids = [...new Set(request.body.ids)];
    return { asked: ids.length, released: await source.doRelease(ids) };
  });
  const discardSchema = changed(`Forgets items of the list of ${name} for good`, "discarded");
  scope.post(`/${name}/discard`, { schema: discardSchema }, async (request: Ids) => {
    const ids = [...new Set(request.body.ids)];
    return { asked: ids.length, discarded: await source.doDiscard(ids) };
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
    keptSince: shownTime(status.keptSince),
    lastArrival: shownTime(status.lastArrival),
    standstills: status.standstills.map((standstill) => ({ ...standstill, since: formatMs(standstill.since) })),
  };
}

function shownQuarantined(item: Quarantined): object {
  const { id, sensor, device, boot, sequence, value, reason } = item;
  const [time, judgedAgainst] = [formatMs(item.time), formatMs(item.judgedAgainst)];
  return { id, sensor, device, boot, sequence, value, time, judgedAgainst, reason };
}

/** Bytes are shown as text where they are UTF-8, else in base64; `bytesEncoding` says which. */
function shownRejection(item: RejectedRecord): object {
  const { id, sensor, partition, offset, reading, code, reason, bytes, length } = item;
  const whole = length > bytes.length ? withoutCutCharacter(bytes) : bytes;
  const shown = isUtf8(whole)
    ? { bytesEncoding: "utf8", bytes: Buffer.from(whole).toString("utf8") }
    : { bytesEncoding: "base64", bytes: Buffer.from(bytes).toString("base64") };
  const [cut, arrival] = [length > bytes.length, formatMs(item.arrival)];
  return { id, sensor, partition, offset, reading, code, reason, ...shown, length, cut, arrival };
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
