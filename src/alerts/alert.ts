/** An alert, what is told of it, and the form in which that is told everywhere: over HTTP, to webhooks and brokers, on the live stream. */
import { createHash } from "node:crypto";
import { formatMs } from "../core/time.ts";
import type { Span } from "./walk.ts";

/** What a rule is judged of. */
export interface Subject {
  readonly sensor: string;
  /** null: all devices of it. */
  readonly device: string | null;
}

/** Whose an alert is. */
export interface Owner extends Subject {
  readonly rule: string;
  /** Of the rule. */
  readonly version: string;
}

/** An alert as it is known. */
export interface Alert extends Span, Owner {
  /** A function of its owner and `from`. */
  readonly id: string;
  /** In the order in which they were first told. */
  readonly number: number;
  /** How often something was told of it. */
  readonly revision: number;
  /** When it was first told, ms. */
  readonly toldMs: number;
  /** When data showed that it was wrong, ms; null: it stands. */
  readonly takenBackMs: number | null;
  /** The alert that was taken back for it, and that it was taken back for. */
  readonly replaces: string | null;
  readonly replacedBy: string | null;
  /** What else ended it. */
  readonly reason: (typeof REASONS)[number] | null;
}

/** What ends an alert besides values: its rule, or its sensor's name, is another one, or there is none any more. */
export const REASONS = ["rule-changed", "rule-deleted", "sensor-renamed"] as const;

/** What is told: it began; it is over; its end is another than was told; it was none. */
export type EventKind = "raised" | "ended" | "changed" | "taken-back";

/** Something that is told of an alert. */
export interface AlertEvent {
  readonly kind: EventKind;
  /** When it was found, ms. */
  readonly foundMs: number;
  readonly alert: Alert;
  /** The rule's own words. */
  readonly text: string | null;
}

/** The states of an alert. */
export const STATES = ["on", "ended", "taken-back"] as const;

/** Whether it goes on. */
function stateOf({ takenBackMs, ended }: Alert): (typeof STATES)[number] {
  return takenBackMs !== null ? "taken-back" : ended === null ? "on" : "ended";
}

/** The id of an owner's alert that begins then, s. */
export function idOf({ rule, version, sensor, device }: Owner, from: number): string {
  const parts = JSON.stringify([rule, version, sensor, device, from]);
  return createHash("sha256").update(parts).digest("hex").slice(0, 24);
}

const shownSecond = (second: number | null): string | null => (second === null ? null : formatMs(second * 1000));
const shownMs = (ms: number | null): string | null => (ms === null ? null : formatMs(ms));

/** An alert as everybody is told it. */
export function shownAlert(alert: Alert): Readonly<Record<string, unknown>> {
  const { id, rule, version, sensor, device, value, revision, replaces, replacedBy, reason } = alert;
  return {
    id,
    rule,
    version,
    sensor,
    device,
    state: stateOf(alert),
    from: shownSecond(alert.from),
    raised: shownSecond(alert.raised),
    ended: shownSecond(alert.ended),
    value,
    told: shownMs(alert.toldMs),
    revision,
    takenBack: shownMs(alert.takenBackMs),
    replaces,
    replacedBy,
    reason,
  };
}

/** The id of what was told at this revision: whoever gets it twice knows. */
function eventId(alert: Alert, revision: number): string {
  return `${alert.id}-${revision}`;
}

/** An event as everybody is told it. `first` is the id of the event that raised the alert. */
export function shownEvent({ kind, foundMs, alert, text }: AlertEvent): Readonly<Record<string, unknown>> {
  const id = eventId(alert, alert.revision);
  return { id, kind, found: formatMs(foundMs), first: eventId(alert, 1), text, alert: shownAlert(alert) };
}

/** A line for people. */
export function lineOf({ kind, alert, text }: AlertEvent): string {
  const of = alert.device === null ? alert.sensor : `${alert.device} of ${alert.sensor}`;
  const since = `since ${shownSecond(alert.from)}`;
  const what = {
    raised: `${since}, at ${alert.value}`,
    ended: `${since}, ended ${shownSecond(alert.ended)}${alert.reason === null ? "" : ` (${alert.reason})`}`,
    changed: `${since}, ${alert.ended === null ? "goes on after all" : `ended ${shownSecond(alert.ended)} after all`}`,
    "taken-back": `was none: what was told ${since} is wrong by data that came later`,
  }[kind];
  return `alert ${alert.rule} of ${of} ${kind}: ${what}${text === null ? "" : `: ${text}`}`;
}
