/** `/alerts`: what was found, the rules, and rules tried on the past (docs/ALERTS.md). */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Alert, REASONS, STATES, shownAlert } from "../../alerts/alert.ts";
import type { Alerts, RuleView } from "../../alerts/alerts.ts";
import type { DeliveryView } from "../../alerts/delivery-view.ts";
import { RULE_SCHEMA } from "../../alerts/rule-spec.ts";
import type { Trial } from "../../alerts/trial.ts";
import type { Clock } from "../../core/clock.ts";
import { TidemarkError } from "../../core/errors.ts";
import { formatMs } from "../../core/time.ts";
import type { Zone } from "../../core/zone.ts";
import { windowAsked } from "../asked-window.ts";
import type { BodyBudget } from "../body-budget.ts";
import { sendFresh } from "../fresh-answer.ts";
import { takeJson } from "../json-body.ts";
import { IDS_BODY_BYTES_MAX } from "../limits.ts";
import { PART_PARAMETERS, type PartQuery, partAsked, partOf, SENSOR_PARAMETER } from "../list-request.ts";
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

const PATH = "/alerts";
const NUMBER: Schema = { type: "number" };

/** What the routes show. */
export interface AlertsOptions {
  readonly alerts: Alerts;
  readonly deliveries: () => readonly DeliveryView[];
}

const ALERT: Schema = {
  title: "Alert",
  ...objectOf({
    id: TEXT,
    rule: TEXT,
    version: { ...TEXT, description: "of the rule: a hash of what decides" },
    sensor: TEXT,
    device: TEXT_OR_NULL,
    state: { enum: STATES },
    from: { ...TIME, description: "since when it was too much" },
    raised: { ...TIME, description: "when that had been so for `for`" },
    ended: { ...TIME_OR_NULL, description: "null: it goes on, or was taken back" },
    value: { ...NUMBER, description: "when it was raised" },
    told: { ...TIME, description: "when it was found first" },
    revision: { ...NATURAL, description: "how often something was told of it" },
    takenBack: { ...TIME_OR_NULL, description: "when data showed that it was wrong" },
    replaces: { ...TEXT_OR_NULL, description: "the alert that was taken back for it" },
    replacedBy: { ...TEXT_OR_NULL, description: "the alert that it was taken back for" },
    reason: { enum: [...REASONS, null], description: "what else ended it" },
  }),
};

const RULE_SHOWN = objectOf({
  name: TEXT,
  rule: RULE_SCHEMA,
  version: TEXT,
  configured: { type: "boolean", description: "it is of the configuration file, and changed there" },
  begin: { ...TIME, description: "its first instant" },
  judged: { ...TIME, description: "its last instant so far" },
  on: { ...NATURAL, description: "alerts that go on" },
});

const NAME = objectOf({ name: TEXT });

const LISTED = describe({
  group: "Alerts",
  summary: "Alerts, those that were found last first",
  query: queryOf({
    ...PART_PARAMETERS,
    state: { enum: STATES },
    rule: { ...TEXT, description: "only this rule's" },
    sensor: SENSOR_PARAMETER,
  }),
  answer: partOf(ALERT, { on: { ...NATURAL, description: "alerts that go on, of all rules" } }),
  errors: [],
  examples: { on: { summary: "Those that go on", parameters: { state: "on" } } },
});

const RULES = describe({
  group: "Alerts",
  summary: "The rules, by name, and how far they are judged",
  answer: objectOf({
    items: { type: "array", items: RULE_SHOWN },
    targets: {
      type: "array",
      items: objectOf({ name: TEXT, trouble: TEXT_OR_NULL, waiting: NATURAL, delivered: NATURAL, failures: NATURAL }),
    },
  }),
  errors: [],
});

const RULE = describe({
  group: "Alerts",
  summary: "One rule",
  params: NAME,
  answer: RULE_SHOWN,
  errors: ["not-found"],
});

const EXAMPLE = { sensor: "temperature", metric: "mean", window: "5m", above: 28, until: 26, for: "10m" };

const PUT = describe({
  group: "Alerts",
  role: "admin",
  summary: "Adds a rule, or puts it in the place of the one of its name",
  details:
    "What the one before had raised ends with it, unless both decide the same. Rules of the configuration are changed there.",
  params: NAME,
  body: RULE_SCHEMA,
  answer: RULE_SHOWN,
  errors: ["disk-full"],
  examples: { warm: { summary: "Too warm for ten minutes", parameters: { name: "warm" }, body: EXAMPLE } },
});

const DELETE = describe({
  group: "Alerts",
  role: "admin",
  summary: "Deletes a rule; what it had raised ends with it, and stays in the list",
  params: NAME,
  answer: objectOf({ deleted: { const: true } }),
  errors: ["not-found", "disk-full"],
});

const TRIED = objectOf({
  sensor: TEXT,
  device: TEXT_OR_NULL,
  from: TIME,
  raised: TIME,
  ended: TIME_OR_NULL,
  value: NUMBER,
});

const TRY = describe({
  group: "Alerts",
  role: "read",
  summary: "Tries a rule on the past: which alerts there would have been",
  details: "Nothing is kept. Of at most 500,000 instants; the first 1,000 alerts.",
  body: objectOf({ rule: RULE_SCHEMA, from: TEXT, to: TEXT }, ["to"]),
  answer: objectOf({
    from: TIME,
    toExclusive: TIME,
    every: { ...NATURAL, description: "s" },
    instants: NATURAL,
    whole: { type: "boolean", description: "false: there are more alerts" },
    alerts: { type: "array", items: TRIED },
  }),
  errors: ["not-ready"],
  examples: { day: { summary: "On the last day", body: { rule: EXAMPLE, from: "now-1d" } } },
});

interface AlertListQuery extends PartQuery {
  readonly state?: (typeof STATES)[number];
  readonly rule?: string;
  readonly sensor?: string;
}

interface TryBody {
  readonly rule: object;
  readonly from: string;
  readonly to?: string;
}

type Named = FastifyRequest<{ Params: { readonly name: string } }>;

/** Adds all of them. */
export function registerAlerts(
  scope: FastifyInstance,
  { alerts, deliveries }: AlertsOptions,
  { clock, zone, budget }: { readonly clock: Clock; readonly zone: Zone; readonly budget: BodyBudget },
): void {
  scope.register(async (bodies) => {
    takeJson(bodies, IDS_BODY_BYTES_MAX, budget, '{"sensor":…,"metric":…,"window":…,"above":…}');
    bodies.put(`${PATH}/rules/:name`, { schema: PUT }, ({ params: { name }, body }: Named, reply) => {
      return sendFresh(reply, shownRule(alerts.put(name, body)));
    });
    bodies.post(`${PATH}/try`, { schema: TRY }, async ({ body }: FastifyRequest<{ Body: TryBody }>, reply) => {
      const { rule, from, to } = body;
      const window = windowAsked({ from, to }, zone, clock.now());
      const trial = await alerts.try("tried", rule, window);
      return sendFresh(reply, shownTrial(trial, window));
    });
  });
  scope.get(PATH, { schema: LISTED }, ({ query }: FastifyRequest<{ Querystring: AlertListQuery }>, reply) => {
    const { after: _after, limit: _limit, ...of } = query;
    const { limit, ...more } = partAsked(query);
    const found = alerts.list({ ...of, ...more, limit: limit + 1 });
    const items = found.slice(0, limit);
    const next = found.length > limit ? (items.at(-1)?.number ?? null) : null;
    return sendFresh(reply, { items: items.map((alert: Alert) => shownAlert(alert)), next, on: alerts.counts.on });
  });
  scope.get(`${PATH}/rules`, { schema: RULES }, (_request, reply) => {
    return sendFresh(reply, { items: alerts.rules().map(shownRule), targets: deliveries() });
  });
  scope.get(`${PATH}/rules/:name`, { schema: RULE }, ({ params: { name } }: Named, reply) => {
    const view = alerts.rule(name);
    if (view === null) throw noRule(name, "show");
    return sendFresh(reply, shownRule(view));
  });
  scope.delete(`${PATH}/rules/:name`, { schema: DELETE }, ({ params: { name } }: Named, reply) => {
    if (!alerts.delete(name)) throw noRule(name, "delete");
    return sendFresh(reply, { deleted: true });
  });
}

function noRule(name: string, doing: string): TidemarkError {
  return new TidemarkError("not-found", `Cannot ${doing} the rule ${JSON.stringify(name)}: there is none of this name`);
}

const shownSecond = (second: number): string => formatMs(second * 1000);

function shownRule({ rule, isConfigured, begin, judged, on }: RuleView): object {
  const { name, given, version } = rule;
  return {
    name,
    rule: given,
    version,
    configured: isConfigured,
    begin: shownSecond(begin),
    judged: shownSecond(judged),
    on,
  };
}

function shownTrial(
  { every, instants, isWhole, alerts }: Trial,
  { start, end }: { start: number; end: number },
): object {
  const shown = alerts.map((alert) => ({
    ...alert,
    from: shownSecond(alert.from),
    raised: shownSecond(alert.raised),
    ended: alert.ended === null ? null : shownSecond(alert.ended),
  }));
  return { from: shownSecond(start), toExclusive: shownSecond(end), every, instants, whole: isWhole, alerts: shown };
}
