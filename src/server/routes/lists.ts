/** Lists of sensors, quarantined readings and rejected records; the latter two can be released or discarded. */
import { isUtf8 } from "node:buffer";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { TidemarkError } from "../../core/errors.ts";
import { formatMs } from "../../core/time.ts";
import { namesShown } from "../../engine/directory.ts";
import type { Chosen, Engine, ListPart, Quarantined, RejectedRecord, SensorStatus } from "../../engine/engine.ts";
import type { BodyBudget } from "../body-budget.ts";
import { sendFresh } from "../fresh-answer.ts";
import { takeJson } from "../json-body.ts";
import { IDS_BODY_BYTES_MAX } from "../limits.ts";
import {
  CHOICE,
  CHOICE_OF_READINGS,
  type ChoiceBody,
  choiceOf,
  PART_PARAMETERS,
  type PartQuery,
  partAsked,
  partOf,
  SENSOR_PARAMETER,
} from "../list-request.ts";
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
  /** Bodies that say which of them are meant. */
  readonly choice: Schema;
  readonly release: string;
  list(query: { sensor?: string; after?: number; limit: number }): ListPart<T>;
  show(item: T): object;
  doRelease(which: Chosen): Promise<number>;
  doDiscard(which: Chosen): Promise<number>;
}

/** Adds all of them. */
export function registerLists(scope: FastifyInstance, engine: Engine, budget: BodyBudget): void {
  takeJson(scope, IDS_BODY_BYTES_MAX, budget, '{"ids":[…]}, {"all":true} or {"sensor":…,"device":…}');
  registerSensors(scope, engine);
  registerSource(scope, engine, {
    name: "quarantine",
    item: QUARANTINED,
    choice: CHOICE_OF_READINGS,
    release: "Counts readings in quarantine after all",
    list: (query) => engine.listQuarantine(query),
    show: shownQuarantined,
    doRelease: (which) => engine.releaseQuarantine(which),
    doDiscard: (which) => engine.discardQuarantine(which),
  });
  registerSource(scope, engine, {
    name: "rejections",
    item: REJECTION,
    choice: CHOICE,
    release: "Reads rejected records again, which a newer tidemark may be able to",
    list: (query) => engine.listRejections(query),
    show: shownRejection,
    doRelease: (which) => engine.releaseRejections(which),
    doDiscard: (which) => engine.discardRejections(which),
  });
}

/** Sensors have no ids: `after` counts them in the order of the directory, to which sensors are added at the end. */
function registerSensors(scope: FastifyInstance, engine: Engine): void {
  const schema = describe({
    group: "Sensors",
    summary: "Sensors in their order, with their totals and times",
    query: queryOf(PART_PARAMETERS),
    answer: partOf(SENSOR, { refused: { ...NATURAL, description: "names that were refused, as there were too many" } }),
    errors: [],
    examples: { first: { summary: "The first two", parameters: { limit: 2 } } },
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
    group: "Uncounted",
    summary: `What is in the list of ${name}, oldest first`,
    query: queryOf({ ...PART_PARAMETERS, sensor: SENSOR_PARAMETER }),
    answer: partOf(item),
    errors: ["not-found"],
    examples: { sensor: { summary: "Those of one sensor", parameters: { sensor: "temperature", limit: 10 } } },
  });
  scope.get(`/${name}`, { schema: listed }, (request: FastifyRequest<{ Querystring: ListQuery }>, reply) => {
    const { sensor } = request.query;
    mustBeKnown(engine, sensor, `list ${name}`);
    const page = source.list({ ...partAsked(request.query), ...(sensor === undefined ? {} : { sensor }) });
    return sendFresh(reply, { items: page.items.map((item) => source.show(item)), next: page.next });
  });
  const change = (verb: "release" | "discard", done: string, summary: string, act: ListSource<T>["doRelease"]) => {
    const schema = describe({
      group: "Uncounted",
      role: "admin",
      summary: `${summary}: those with these ids, all, or a sensor's and a device's`,
      body: source.choice,
      answer: objectOf({ asked: { ...NATURAL, description: "ids, where they are given" }, [done]: NATURAL }, ["asked"]),
      errors: ["not-found", "not-ready"],
      examples: {
        ids: { summary: "Those with these ids", body: { ids: [1, 2] }, answer: { asked: 2, [done]: 0 } },
        sensor: { summary: "All of a sensor", body: { sensor: "temperature" }, answer: { [done]: 0 } },
      },
    });
    scope.post(`/${name}/${verb}`, { schema }, async ({ body }: FastifyRequest<{ Body: ChoiceBody }>) => {
      const which = choiceOf(body);
      mustBeKnown(engine, body.sensor, `${verb} ${name}`);
      const ids = body.ids === undefined ? null : [...new Set(body.ids)];
      const count = await act(ids ?? which);
      return { ...(ids === null ? {} : { asked: ids.length }), [done]: count };
    });
  };
  change("release", "released", source.release, source.doRelease);
  change("discard", "discarded", `Forgets items of the list of ${name} for good`, source.doDiscard);
}

function mustBeKnown(engine: Engine, sensor: string | undefined, what: string): void {
  if (sensor === undefined || engine.sensors.find(sensor) !== undefined) return;
  throw new TidemarkError("not-found", `Cannot ${what} of "${sensor}": expected one of ${namesShown(engine.sensors)}`);
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
