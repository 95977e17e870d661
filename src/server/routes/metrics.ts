/** `GET /metrics`: how tidemark itself does, for Prometheus and its like. Sensors are labels, of which there are 10,000 at most; devices are none. */

import type { FastifyInstance } from "fastify";
import type { DeliveryView } from "../../alerts/delivery-view.ts";
import type { Scrub } from "../../core/scrub.ts";
import { inSlices, type Sliced } from "../../core/slices.ts";
import type { DoorConnections, DoorCounts, DoorView } from "../../doors/door-counts.ts";
import type { Engine, SensorStatus, SensorTotals } from "../../engine/engine.ts";
import { programVersion } from "../../runtime/version.ts";
import type { ConnectionCounts } from "../connections.ts";
import { expose, type Family, OPENMETRICS_TYPE, PROMETHEUS_TYPE, plainSamples, type Sample } from "../exposition.ts";
import type { LiveCounts } from "../live-feed.ts";
import type { RateCounts } from "../rate-limit.ts";
import { describe, TEXT } from "../route-schema.ts";
import type { TlsIdentity } from "../tls-port.ts";
import type { AlertsOptions } from "./alerts.ts";

const METRICS_PATH = "/metrics";

const SCHEMA = describe({
  group: "Operation",
  summary: "Shows tidemark's own counters, in OpenMetrics, Prometheus' text format or JSON as Accept asks",
  details: "JSON has those of the process by their names, without the sensors'.",
  answer: { type: "object", additionalProperties: { type: "number" } },
  otherwise: { "text/plain": TEXT, "application/openmetrics-text": TEXT },
  errors: [],
});

/** Totals that only grow, and what they count. */
const COUNTERS: readonly (readonly [of: keyof SensorTotals, name: string, help: string])[] = [
  ["received", "readings_received", "Readings and refused records taken in."],
  ["counted", "readings_counted", "Readings counted."],
  ["duplicates", "readings_duplicate", "Readings that had been taken in before."],
  ["conflicts", "readings_conflicting", "Duplicates with another value than the first."],
  ["late", "readings_late", "Counted readings more than a minute older than what their partition had brought before."],
  ["expired", "readings_expired", "Counted readings older than the history is kept."],
  ["released", "readings_released", "Counted readings that had been held back."],
  ["gapRecords", "records_gap", "Records that the log dropped before they were read."],
  ["cutRecords", "records_cut", "Records that the log lost after they were read."],
  ["implicitBoots", "implicit_boots", "Boots told by a sequence that fell back."],
  ["quarantineDropped", "quarantine_dropped", "Readings held back that are counted but not listed."],
  ["rejectionsDropped", "rejections_dropped", "Refused readings that are counted but no longer listed."],
];

/** What goes up and down. */
const GAUGES: readonly (readonly [name: string, help: string, read: (status: SensorStatus) => number | null])[] = [
  ["readings_quarantined", "Readings held back because of their clock.", ({ totals }) => totals.quarantined],
  ["readings_deleted", "Counted readings that corrections hold back.", ({ totals }) => totals.deleted],
  ["readings_rejected", "Readings and records that were refused.", ({ totals }) => totals.rejected],
  ["lag_records", "Records in the log that are not taken in.", ({ lag }) => lag],
  ["devices", "Devices ever heard of.", ({ devices }) => devices],
  ["stuck_devices", "Devices that send nothing new.", ({ stuckDevices }) => stuckDevices],
  ["standstills", "Partitions that are not read on.", ({ standstills }) => standstills.length],
  ["followed", "Whether its topic is read.", ({ followed }) => Number(followed)],
  [
    "complete_until_seconds",
    "Event time before which nothing more is expected.",
    ({ completeUntil }) => seconds(completeUntil),
  ],
  ["newest_reading_seconds", "Event time of the newest counted reading.", ({ lastTime }) => seconds(lastTime)],
  ["last_arrival_seconds", "When the newest reading was taken in.", ({ lastArrival }) => seconds(lastArrival)],
];

/** What the route shows. */
export interface MetricsOptions {
  readonly engine: Engine;
  readonly connections: () => ConnectionCounts;
  /** The live stream. */
  readonly live: () => LiveCounts;
  readonly rate: () => RateCounts;
  readonly tls: () => TlsIdentity | null;
  readonly doors: () => readonly DoorView[];
  readonly alerts: AlertsOptions | undefined;
  /** Messages whose topic is no more in the list of what is unrouted. */
  readonly unroutedDropped: () => number;
}

/** Adds the route. */
export function registerMetrics(scope: FastifyInstance, options: MetricsOptions): void {
  scope.get(METRICS_PATH, { schema: SCHEMA }, async (request, reply) => {
    const { accept = "" } = request.headers;
    const openMetrics = accept.includes("application/openmetrics-text");
    reply.header("Cache-Control", "no-store").header("Vary", "Accept");
    if (accept.includes("application/json")) return reply.send(plainSamples(ofProcess(options)));
    const sensors = await inSlices(statusesOf(options.engine));
    const text = await inSlices(expose(allFamilies(options, sensors), openMetrics));
    return reply.type(openMetrics ? OPENMETRICS_TYPE : PROMETHEUS_TYPE).send(text);
  });
}

function* statusesOf(engine: Engine): Sliced<SensorStatus[]> {
  const statuses: SensorStatus[] = [];
  for (const { name } of engine.sensors.list()) {
    yield;
    statuses.push(engine.status(name));
  }
  return statuses;
}

/** One after the other: those of all sensors together are large. */
function* allFamilies(options: MetricsOptions, sensors: readonly SensorStatus[]): Generator<Family> {
  yield* ofProcess(options);
  yield* ofDoors(options.doors(), options.unroutedDropped());
  yield* ofAlerts(options.alerts);
  yield* ofSensors(sensors);
}

function ofProcess({ engine, connections, live, tls, rate }: MetricsOptions): Family[] {
  const { open, most, refused } = connections();
  const { rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  const { clients, ...counts } = live();
  const { commits, bytesWritten, historyBytes, freeBytes, logBytes, historyScrub, logScrub } = engine.counters;
  const { revisionBytes, revisionsSince, revisionsDropped } = engine.counters;
  const { wrongTokens, blocked, limited, forgotten } = rate();
  const expiresMs = tls()?.expiresMs ?? null;
  const one = (name: string, kind: "counter" | "gauge", help: string, value: number): Family => {
    return { name: `tidemark_${name}`, kind, help, samples: [{ value }] };
  };
  return [
    {
      name: "tidemark_build",
      kind: "info",
      help: "The version that runs.",
      samples: [{ value: 1, labels: { version: programVersion() } }],
    },
    one(
      "ready",
      "gauge",
      "Whether readings are taken in, and no damage was found.",
      Number(engine.trouble === null && engine.damage === null),
    ),
    one("notices", "gauge", "Things that are worse than they should be.", engine.notices.length),
    one("sensors", "gauge", "Sensors, followed or not.", engine.sensors.list().length),
    one("sensors_refused", "counter", "Names of sensors refused as there were too many.", engine.sensors.refused),
    one("connections_open", "gauge", "Open HTTP connections.", open),
    one("connections_most", "gauge", "HTTP connections that there may be at one time.", most),
    one("connections_refused", "counter", "HTTP connections refused as there were too many.", refused),
    one("tokens_wrong", "counter", "Requests with a token that is none.", wrongTokens),
    one("tokens_blocked", "counter", "Requests whose token was not looked at, after too many wrong ones.", blocked),
    one("requests_limited", "counter", "Requests refused as there were too many a second.", limited),
    one("rates_forgotten", "counter", "Addresses whose rate was forgotten as there were too many.", forgotten),
    ...(expiresMs === null
      ? []
      : [
          one(
            "tls_certificate_expires_seconds",
            "gauge",
            "When the certificate of the server expires.",
            expiresMs / 1000,
          ),
        ]),
    one("live_clients", "gauge", "Clients of the live stream.", clients),
    one(
      "live_clients_refused",
      "counter",
      "Clients of the live stream refused as there were too many.",
      counts.refused,
    ),
    one("live_clients_cut", "counter", "Clients of the live stream cut as they did not read.", counts.cut),
    one(
      "live_frames_dropped",
      "counter",
      "Frames told later, in one, as a client did not keep up.",
      counts.framesDropped,
    ),
    one("live_resumed", "counter", "Clients that came back and were told what changed since.", counts.resumed),
    one("live_restarted", "counter", "Clients that came back with the id of another process.", counts.restarted),
    ...(logBytes === null ? [] : [one("log_bytes", "gauge", "What the local log holds.", logBytes)]),
    one("history_bytes", "gauge", "What the history's files hold.", historyBytes),
    one("disk_free_bytes", "gauge", "What is free where the history is.", freeBytes),
    one("commits", "counter", "Commits of the history.", commits),
    one("commit_bytes", "counter", "Bytes handed to the history's file.", bytesWritten),
    one("revision_bytes", "gauge", "What is noted of how the history was before, within its files.", revisionBytes),
    one(
      "revisions_dropped",
      "counter",
      "Times that a sixteenth of it, the oldest, went for want of room.",
      revisionsDropped,
    ),
    ...(revisionsSince === null
      ? []
      : [one("revisions_since_seconds", "gauge", "The earliest moment that can be asked for.", revisionsSince / 1000)]),
    ...ofScrub("history", historyScrub),
    ...(logScrub === null ? [] : ofScrub("log", logScrub)),
    one("process_resident_memory_bytes", "gauge", "Memory of the process.", rss),
    one("process_cpu_seconds", "counter", "CPU time of the process.", (user + system) / 1e6),
    one("process_uptime_seconds", "gauge", "Since the process began.", process.uptime()),
  ];
}

function ofScrub(file: string, { compared, passes, damaged }: Scrub): Family[] {
  const one = (name: string, kind: "counter" | "gauge", help: string, value: number): Family => {
    return { name: `tidemark_${file}_${name}`, kind, help, samples: [{ value }] };
  };
  return [
    one("pages_compared", "counter", "Pages of its file compared with their sums while it runs.", compared),
    one("scrub_passes", "counter", "How often all of them were.", passes),
    one("pages_damaged", "gauge", "Pages of its file that are not what was written; 1,000 at most.", damaged.length),
  ];
}

/** What came through doors that map. */
const DOOR_COUNTERS: readonly (readonly [of: keyof DoorCounts, name: string, help: string])[] = [
  ["messages", "messages", "Messages that came."],
  ["readings", "readings", "Readings that are durable in the log."],
  ["passed", "passed", "Values and messages that are no reading, and need not be."],
  ["refused", "refused", "What should have been a reading and is none."],
  ["repeats", "repeats", "Readings left out as they repeat one within repeatsWithin."],
  ["unchanged", "unchanged", "Readings left out as nothing changed."],
  ["retained", "retained", "Messages that a broker kept for new subscribers."],
  ["unrouted", "unrouted", "Messages that no map is for."],
  ["tooLarge", "too_large", "Messages larger than any that is read."],
];

/** Of doors that listen themselves. */
const CONNECTION_COUNTERS: readonly (readonly [
  of: keyof DoorConnections,
  name: string,
  kind: "counter" | "gauge",
  help: string,
])[] = [
  ["open", "open", "gauge", "Open connections."],
  ["refused", "refused", "counter", "Connections refused as there were too many."],
  ["cut", "cut", "counter", "Connections ended from here: no token, no MQTT, silence."],
];

function ofDoors(doors: readonly DoorView[], unroutedDropped: number): Family[] {
  if (doors.length === 0) return [];
  const samples = (read: (door: DoorView) => number) =>
    doors.map((door) => ({ value: read(door), labels: { door: door.name } }));
  return [
    ...DOOR_COUNTERS.map(([of, name, help]): Family => {
      return { name: `tidemark_door_${name}`, kind: "counter", help, samples: samples(({ counts }) => counts[of]) };
    }),
    {
      name: "tidemark_door_open",
      kind: "gauge",
      help: "Whether a door takes anything in.",
      samples: samples(({ trouble }) => Number(trouble === null)),
    },
    ...CONNECTION_COUNTERS.flatMap(([of, name, kind, help]): Family[] => {
      const found = doors.flatMap((door) =>
        door.connections === null ? [] : [{ value: door.connections[of], labels: { door: door.name } }],
      );
      return found.length === 0 ? [] : [{ name: `tidemark_door_connections_${name}`, kind, help, samples: found }];
    }),
    {
      name: "tidemark_unrouted_dropped",
      kind: "counter",
      help: "Messages that no map is for, whose topic is no more in the list.",
      samples: [{ value: unroutedDropped }],
    },
  ];
}

function ofAlerts(options: AlertsOptions | undefined): Family[] {
  if (options === undefined) return [];
  const { counts } = options.alerts;
  const one = (name: string, kind: "counter" | "gauge", help: string, value: number): Family => {
    return { name: `tidemark_alert${name}`, kind, help, samples: [{ value }] };
  };
  const targets = options.deliveries();
  const each = (name: string, kind: "counter" | "gauge", help: string, read: (of: DeliveryView) => number): Family => {
    const samples = targets.map((of) => ({ value: read(of), labels: { target: of.name } }));
    return { name: `tidemark_alert_${name}`, kind, help, samples };
  };
  const events = Object.entries(counts.events).map(([kind, value]) => ({ value, labels: { kind } }));
  return [
    one("_rules", "gauge", "Rules.", counts.rules),
    one("s_on", "gauge", "Alerts that go on.", counts.on),
    one("s_kept", "gauge", "Alerts that are kept.", counts.kept),
    one("s_dropped", "counter", "Old alerts that were dropped as there were too many.", counts.alertsDropped),
    { name: "tidemark_alert_events", kind: "counter", help: "What was told of alerts.", samples: events },
    one("_instants_judged", "counter", "Instants judged for the first time.", counts.instants),
    one("_instants_judged_again", "counter", "Instants judged again as the past changed.", counts.instantsAgain),
    one("_sensors_again", "gauge", "Sensors of which something is to be judged again.", counts.again),
    one("_behind_seconds", "gauge", "How far the rule furthest behind is behind.", counts.behindSeconds),
    ...(targets.length === 0
      ? []
      : [
          each("deliveries_waiting", "gauge", "Events that wait for a target.", ({ waiting }) => waiting),
          each("deliveries", "counter", "Events delivered.", ({ delivered }) => delivered),
          each("delivery_failures", "counter", "Tries to deliver that failed.", ({ failures }) => failures),
        ]),
  ];
}

function* ofSensors(statuses: readonly SensorStatus[]): Generator<Family> {
  const samples = (read: (status: SensorStatus) => number | null): Sample[] =>
    statuses.flatMap((status) => {
      const value = read(status);
      return value === null ? [] : [{ value, labels: { sensor: status.sensor } }];
    });
  for (const [of, name, help] of COUNTERS) {
    yield { name: `tidemark_${name}`, kind: "counter", help, samples: samples(({ totals }) => totals[of]) };
  }
  yield {
    name: "tidemark_values_passed_over",
    kind: "counter",
    help: "Texts and booleans of line protocol.",
    samples: samples(({ passedOver }) => passedOver),
  };
  for (const [name, help, read] of GAUGES) {
    yield { name: `tidemark_sensor_${name}`, kind: "gauge", help, samples: samples(read) };
  }
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}
