/** `GET /livez`, `GET /readyz`: probes for supervisors. Open to all. */
import type { FastifyInstance } from "fastify";
import type { DoorView } from "../../doors/door-counts.ts";
import type { Engine } from "../../engine/engine.ts";
import { catchingUpText } from "../compute-answer.ts";
import { type ConnectionCounts, LIVEZ_PATH } from "../connections.ts";
import { sendFresh } from "../fresh-answer.ts";
import type { Guard } from "../guard.ts";
import { problem, sendProblem } from "../problem.ts";
import { describe, NATURAL, objectOf, TEXT } from "../route-schema.ts";
import type { AlertsOptions } from "./alerts.ts";

const READYZ_PATH = "/readyz";

const LIVEZ = describe({
  group: "Operation",
  open: true,
  summary: "Whether the process answers at all; answered though there are too many connections",
  answer: objectOf({
    status: { const: "alive" },
    connections: objectOf({ open: NATURAL, most: NATURAL, refused: NATURAL }),
  }),
  errors: [],
});

const READYZ = describe({
  group: "Operation",
  open: true,
  summary: "Whether readings are taken in, no damage was found, and answers hold all that the log held at the start",
  answer: objectOf(
    {
      status: { const: "ready" },
      notices: { type: "array", items: TEXT, description: "what is worse than it should be all the same" },
    },
    ["notices"],
  ),
  errors: ["not-ready", "history-corrupt", "log-corrupt", "catching-up"],
});

/** Where the probes look. */
export interface HealthOptions {
  readonly engine: Engine;
  readonly connections: () => ConnectionCounts;
  readonly doors: () => readonly DoorView[];
  readonly alerts: AlertsOptions | undefined;
  /** Who is told why it is not ready. */
  readonly guard: Guard;
}

/** Adds both routes. */
export function registerHealth(
  scope: FastifyInstance,
  { engine, connections, doors, alerts, guard }: HealthOptions,
): void {
  // An answer at all shows that the event loop runs.
  scope.get(LIVEZ_PATH, { schema: LIVEZ }, (_request, reply) =>
    sendFresh(reply, { status: "alive", connections: connections() }),
  );
  scope.get(READYZ_PATH, { schema: READYZ }, (request, reply) => {
    reply.header("cache-control", "no-store");
    const { trouble, damage, backlog } = engine;
    // One door that is in trouble keeps nothing from coming in by the others.
    const shut = doors().flatMap(({ name, trouble }) => (trouble === null ? [] : `${name}: ${trouble}`));
    const notices = [...engine.notices, ...shut, ...alertNotices(alerts)];
    // They name paths and addresses.
    const isOpen = guard.refusal(request.raw, "admin") === null;
    const detail = isOpen ? (trouble ?? "") : "the reason is for clients with a token of the role admin";
    if (trouble !== null) return sendProblem(reply, problem("not-ready", `Cannot take in readings: ${detail}`));
    if (damage !== null) return sendProblem(reply, problem(damage.code, isOpen ? damage.message : detail));
    if (backlog > 0) return sendProblem(reply, problem("catching-up", catchingUpText(backlog)));
    if (!isOpen && notices.length > 0) {
      return reply.send({
        status: "ready",
        notices: [`${notices.length}, for clients with a token of the role admin`],
      });
    }
    return reply.send({ status: "ready", ...(notices.length === 0 ? {} : { notices }) });
  });
}

function alertNotices(options: AlertsOptions | undefined): string[] {
  if (options === undefined) return [];
  const { alerts, deliveries } = options;
  const own = alerts.trouble === null ? [] : [`alerts are not judged: ${alerts.trouble}`];
  const of = deliveries().flatMap(({ name, trouble, waiting }) =>
    trouble === null ? [] : [`alerts to ${name}: ${trouble}; ${waiting} wait`],
  );
  return [...alerts.notices, ...own, ...of];
}
