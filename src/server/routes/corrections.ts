/** Corrections: what is deleted, renamed and undone, and the list of it. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Clock } from "../../core/clock.ts";
import { formatMs } from "../../core/time.ts";
import type { Window } from "../../core/window.ts";
import { findZone, ZONE_EXPECTED, type Zone } from "../../core/zone.ts";
import type { Correction, Preview } from "../../engine/correction.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Aggregate } from "../../metrics/aggregate.ts";
import { windowAsked } from "../asked-window.ts";
import type { BodyBudget } from "../body-budget.ts";
import { sendFresh } from "../fresh-answer.ts";
import { takeJson } from "../json-body.ts";
import { IDS_BODY_BYTES_MAX } from "../limits.ts";
import { PART_PARAMETERS, type PartQuery, partAsked, partOf } from "../list-request.ts";
import { RequestError } from "../problem.ts";
import {
  describe,
  NATURAL,
  objectOf,
  queryOf,
  type Schema,
  TEXT,
  TEXT_OR_NULL,
  TIME,
  TIME_OR_NULL,
} from "../route-schema.ts";

const PATH = "/corrections";

/** Characters of who and why: a line each. */
const BY_MAX = 200;
const REASON_MAX = 1000;

/** Who did what nobody said who did. */
const NOBODY = "unnamed";

const BY = { ...TEXT, minLength: 1, maxLength: BY_MAX, description: "who says so; kept, not proven" };
const REASON = { ...TEXT, maxLength: REASON_MAX, description: "why" };

const CORRECTION: Schema = {
  title: "Correction",
  ...objectOf({
    number: NATURAL,
    kind: { enum: ["delete", "rename"] },
    sensor: { ...TEXT, description: "its name when it was made" },
    to: { ...TEXT_OR_NULL, description: "of a renaming: the new name" },
    device: { ...TEXT_OR_NULL, description: "of a deletion: the only device; null: all" },
    from: TIME_OR_NULL,
    toExclusive: TIME_OR_NULL,
    at: TIME,
    by: TEXT,
    reason: TEXT,
    undone: { ...objectOf({ at: TIME, by: TEXT }), type: ["object", "null"] },
    readings: { ...NATURAL, description: "readings that it holds back; an undo brings them back" },
  }),
};

const NUMBER_OR_NULL = { type: ["number", "null"] };
const NUMBERS = objectOf({ count: NATURAL, mean: NUMBER_OR_NULL, min: NUMBER_OR_NULL, max: NUMBER_OR_NULL });

const PREVIEW = objectOf({
  readings: { ...NATURAL, description: "readings that it would take" },
  seconds: { ...NATURAL, description: "seconds that hold one of them" },
  firstTime: TIME_OR_NULL,
  lastTime: TIME_OR_NULL,
  before: { ...NUMBERS, description: "the sensor's whole history as it is" },
  after: { ...NUMBERS, description: "… and as it would be" },
});

const DELETE = describe({
  group: "Corrections",
  role: "admin",
  summary: "Deletes the counted readings of a stretch of time, or says what that would change",
  details:
    "Takes what was read by now: readings of the same seconds that come later count, copies of deleted ones are duplicates. `from` and an end have every form that a question's have.",
  body: objectOf(
    {
      sensor: TEXT,
      device: { ...TEXT, description: "only this device's" },
      from: { type: ["string", "number"] },
      to: { type: ["string", "number"] },
      toExclusive: { type: ["string", "number"] },
      timezone: { ...TEXT, description: "of times that name none" },
      by: BY,
      reason: REASON,
      dryRun: { type: "boolean", description: "say what it would do, and do nothing" },
    },
    ["device", "to", "toExclusive", "timezone", "by", "reason", "dryRun"],
  ),
  answer: objectOf({ preview: PREVIEW, correction: CORRECTION }, ["preview", "correction"]),
  errors: ["not-found", "no-device-series", "not-ready", "correction-refused", "disk-full"],
  examples: {
    preview: {
      summary: "What it would take, and what the sensor's numbers become",
      body: { sensor: "temperature", from: "2020-01-13 15:12", to: "2020-01-13 15:13", dryRun: true },
    },
  },
});

const RENAME = describe({
  group: "Corrections",
  role: "admin",
  summary: "Gives a sensor another name; what still comes or is asked under the old one is its own",
  body: objectOf({ sensor: TEXT, to: TEXT, by: BY, reason: REASON }, ["by", "reason"]),
  answer: objectOf({ correction: CORRECTION }),
  errors: ["not-found", "not-ready", "correction-refused", "disk-full"],
  examples: {
    name: {
      summary: "Says whose pressure it is",
      body: { sensor: "pressure", to: "air-pressure", by: "anna", reason: "there is one of water as well" },
    },
  },
});

const UNDO = describe({
  group: "Corrections",
  role: "admin",
  summary: "Undoes a correction: the history is as if it had never been made",
  body: objectOf({ number: { ...NATURAL, maximum: Number.MAX_SAFE_INTEGER }, by: BY }, ["by"]),
  answer: objectOf({ correction: CORRECTION }),
  errors: ["not-found", "not-ready", "correction-refused", "disk-full"],
  examples: { first: { summary: "The first that was made", body: { number: 1, by: "anna" } } },
});

const LIST = describe({
  group: "Corrections",
  summary: "All corrections, oldest first, undone ones too",
  query: queryOf(PART_PARAMETERS),
  answer: partOf(CORRECTION),
  errors: [],
  examples: { first: { summary: "The first ten", parameters: { limit: 10 } } },
});

interface SaidBody {
  readonly by?: string;
  readonly reason?: string;
}

interface DeleteBody extends SaidBody {
  readonly sensor: string;
  readonly device?: string;
  readonly from: string | number;
  readonly to?: string | number;
  readonly toExclusive?: string | number;
  readonly timezone?: string;
  readonly dryRun?: boolean;
}

interface RenameBody extends SaidBody {
  readonly sensor: string;
  readonly to: string;
}

/** What the routes work with. */
export interface CorrectionsOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly zone: Zone;
  readonly budget: BodyBudget;
}

/** Adds the routes. */
export function registerCorrections(scope: FastifyInstance, options: CorrectionsOptions): void {
  const { corrections } = options.engine;
  takeJson(
    scope,
    IDS_BODY_BYTES_MAX,
    options.budget,
    '{"sensor":…,"from":…,"to":…}, {"sensor":…,"to":…} or {"number":…}',
  );
  scope.get(PATH, { schema: LIST }, (request: FastifyRequest<{ Querystring: PartQuery }>, reply) => {
    const { after = 0, limit } = partAsked(request.query);
    const all = corrections.list().filter(({ number }) => number > after);
    const items = all.slice(0, limit).map(shown);
    const next = all.length > limit ? all[limit - 1].number : null;
    return sendFresh(reply, { items, next });
  });
  scope.post(`${PATH}/delete`, { schema: DELETE }, async ({ body }: FastifyRequest<{ Body: DeleteBody }>) => {
    const { sensor, device = null, dryRun = false } = body;
    const asked = { sensor, device, window: windowOf(body, options) };
    if (dryRun) return { preview: shownPreview(await corrections.preview(asked)) };
    return { correction: shown(await corrections.delete(asked, said(body))) };
  });
  scope.post(`${PATH}/rename`, { schema: RENAME }, async ({ body }: FastifyRequest<{ Body: RenameBody }>) => {
    return { correction: shown(await corrections.rename(body.sensor, body.to, said(body))) };
  });
  scope.post(
    `${PATH}/undo`,
    { schema: UNDO },
    async ({ body }: FastifyRequest<{ Body: { number: number; by?: string } }>) => {
      return { correction: shown(await corrections.undo(body.number, body.by ?? NOBODY)) };
    },
  );
}

function said({ by = NOBODY, reason = "" }: SaidBody): { by: string; reason: string } {
  return { by, reason };
}

/** Nothing is deleted up to now, or from the first reading on, because a bound was left out. @throws RequestError 400 */
function windowOf(
  { sensor, from, to, toExclusive, timezone }: DeleteBody,
  { clock, zone }: CorrectionsOptions,
): Window {
  const what = `Cannot delete from "${sensor}"`;
  const own = timezone === undefined ? zone : findZone(timezone);
  if (own === null)
    throw new RequestError(400, `${what}: timezone ${JSON.stringify(timezone)}: expected ${ZONE_EXPECTED}`);
  if (to === undefined && toExclusive === undefined) throw new RequestError(400, `${what}: expected to or toExclusive`);
  return windowAsked({ from, to, toExclusive }, own, clock.now(), { what: `${what}: ` });
}

function shown({ window, at, undone, ...correction }: Correction): object {
  const [from, toExclusive] =
    window === null ? [null, null] : [formatMs(window.start * 1000), formatMs(window.end * 1000)];
  const undoneAt = undone === null ? null : { at: formatMs(undone.at), by: undone.by };
  return { ...correction, from, toExclusive, at: formatMs(at), undone: undoneAt };
}

function shownPreview({ readings, seconds, firstTime, lastTime, before, after }: Preview): object {
  const time = (ms: number | null): string | null => (ms === null ? null : formatMs(ms));
  return {
    ...{ readings, seconds, firstTime: time(firstTime), lastTime: time(lastTime) },
    ...{ before: numbers(before), after: numbers(after) },
  };
}

function numbers(aggregate: Aggregate): object {
  const { count, min, max } = aggregate;
  return { count, mean: aggregate.mean(), min: count === 0 ? null : min, max: count === 0 ? null : max };
}
