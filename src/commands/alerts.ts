/** `tidemark alerts`: what rules found, or what a rule would have found. */
import { readFileSync } from "node:fs";
import type { AlertsConfig, RuleToTry } from "../config/alerts-config.ts";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { NOTHING, plural, valueText } from "../core/figures.ts";
import { printable } from "../core/printable.ts";
import { ask, fieldsOf, printJson, requireSuccess } from "./client.ts";
import { columns } from "./columns.ts";
import type { Console } from "./console.ts";

/** Cells of a picture. */
const CELLS = 60;

type Fields = ReadonlyMap<string, unknown>;

/** Lists, or tries. @throws TidemarkError "not-found", "request-invalid" with the server's words */
export async function alerts(config: AlertsConfig, { out }: Console): Promise<void> {
  const { client, trying, json } = config;
  const fields =
    trying === null
      ? requireSuccess(await ask(client, pathOf(config)), "list alerts")
      : await tried(config, await ruleOf(config, trying));
  if (json) printJson(Object.fromEntries(fields), out);
  else if (trying !== null) for (const line of trialLines(fields)) out(line);
  else if (listOf(fields, "items").length > 0) for (const line of listLines(fields)) out(line);
  else
    out(
      (await hasRules(config)) ? "no alerts" : "no alerts, as there are no rules: docs/ALERTS.md says how to write one",
    );
}

async function hasRules({ client }: AlertsConfig): Promise<boolean> {
  return listOf(requireSuccess(await ask(client, "alerts/rules"), "list rules"), "items").length > 0;
}

function pathOf({ state, rule, sensor, limit }: AlertsConfig): string {
  const query = new URLSearchParams({ limit: String(limit) });
  for (const [name, value] of Object.entries({ state, rule, sensor })) if (value !== null) query.set(name, value);
  return `alerts?${query}`;
}

async function ruleOf({ client }: AlertsConfig, trying: RuleToTry): Promise<unknown> {
  if (trying.kind === "name") {
    const path = `alerts/rules/${encodeURIComponent(trying.name)}`;
    return requireSuccess(await ask(client, path), "try the rule").get("rule");
  }
  const what = trying.kind === "json" ? "--try" : trying.path;
  try {
    return JSON.parse(trying.kind === "json" ? trying.text : readFileSync(trying.path, "utf8"));
  } catch (error) {
    throw new TidemarkError("config-invalid", `Cannot read the rule in ${what}: ${messageOf(error)}`, error);
  }
}

async function tried({ client, from, to }: AlertsConfig, given: unknown): Promise<Fields> {
  // Where the rule itself begins does not matter here, nor whom it tells.
  const { from: _from, to: _to, ...rule } = Object.fromEntries(fieldsOf(given));
  const body = { rule, from, ...(to === null ? {} : { to }) };
  return requireSuccess(await ask(client, "alerts/try", { body }), "try the rule");
}

const listOf = (fields: Fields, key: string): Fields[] => {
  const list = fields.get(key);
  return (Array.isArray(list) ? list : []).map(fieldsOf);
};
const text = (fields: Fields, key: string): string => printable(String(fields.get(key) ?? ""));
const timeOf = (fields: Fields, key: string): string => text(fields, key).replace(".000Z", "Z");
const nameOf = (fields: Fields): string => {
  const device = text(fields, "device");
  return device === "" ? text(fields, "sensor") : `${text(fields, "sensor")} ${device}`;
};

function listLines(fields: Fields): string[] {
  const items = listOf(fields, "items");
  const rows = items.map((item) => [
    text(item, "state"),
    text(item, "rule"),
    nameOf(item),
    timeOf(item, "from"),
    timeOf(item, "ended") || NOTHING,
    valueText(Number(item.get("value"))),
  ]);
  const lines = columns([["STATE", "RULE", "SENSOR", "SINCE", "UNTIL", "VALUE"], ...rows], new Set([5]));
  const more = fields.get("next") === null ? [] : ["there are older ones: --limit"];
  return [...lines, ...more];
}

/** A line of cells for each sensor or device, then each alert. */
function trialLines(fields: Fields): string[] {
  const found = listOf(fields, "alerts");
  const [start, end] = [Date.parse(text(fields, "from")), Date.parse(text(fields, "toExclusive"))];
  const head = `${timeOf(fields, "from")} to ${timeOf(fields, "toExclusive")}, judged at ${plural(Number(fields.get("instants")), "instant")}`;
  if (found.length === 0) {
    const hasJudged = Number(fields.get("instants")) > 0;
    return [head, hasJudged ? "it would have raised nothing" : "no sensor that it is for has readings until then"];
  }
  const subjects = [...Map.groupBy(found, nameOf)];
  const pictures = subjects.map(([name, own]) => [name, picture(own, start, end), `${own.length}`]);
  const rows = found.map((item) => [
    nameOf(item),
    timeOf(item, "from"),
    timeOf(item, "raised"),
    timeOf(item, "ended") || NOTHING,
    valueText(Number(item.get("value"))),
  ]);
  return [
    head,
    "",
    ...columns(pictures, new Set([2])),
    "",
    ...columns([["SENSOR", "SINCE", "RAISED", "UNTIL", "VALUE"], ...rows], new Set([4])),
    ...(fields.get("whole") === false ? ["and more"] : []),
  ];
}

/** A full cell where an alert is on, from when it is raised; a light one where it is pending. */
function picture(found: readonly Fields[], start: number, end: number): string {
  const spans = found.map((item) => ({
    from: Date.parse(text(item, "from")),
    raised: Date.parse(text(item, "raised")),
    ended: item.get("ended") === null ? end : Date.parse(text(item, "ended")),
  }));
  const width = (end - start) / CELLS;
  const cells = Array.from({ length: CELLS }, (_, i) => {
    const [from, to] = [start + i * width, start + (i + 1) * width];
    if (spans.some(({ raised, ended }) => raised < to && ended > from)) return "█";
    return spans.some((span) => span.from < to && span.raised > from) ? "▒" : "·";
  });
  return cells.join("");
}
