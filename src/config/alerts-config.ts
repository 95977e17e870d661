/** Configuration of `tidemark alerts`. Under src/config/config.ts. */
import { resolve } from "node:path";
import { type ClientConfig, clientConfig } from "./client-config.ts";
import { invalid, type Settings } from "./settings.ts";
import { type Parsed, parseInteger, parseSensor, parseText } from "./values.ts";

/** States that can be asked for. */
const STATES = ["on", "ended", "taken-back"] as const;

/** A rule to try: as JSON, or one of the server. */
export type RuleToTry =
  | { readonly kind: "json"; readonly text: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "name"; readonly name: string };

/** Configuration of `tidemark alerts`. */
export interface AlertsConfig {
  readonly client: ClientConfig;
  readonly state: (typeof STATES)[number] | null;
  readonly rule: string | null;
  readonly sensor: string | null;
  readonly limit: number;
  /** Try this instead, on the window between these times, as written: the server knows its zone. */
  readonly trying: RuleToTry | null;
  readonly from: string;
  readonly to: string | null;
  readonly json: boolean;
}

/** Without --from a rule is tried on the last day. */
const FROM = "now-1d";

/** Reads it. @throws TidemarkError "config-invalid" */
export function alertsConfig(settings: Settings, operands: readonly string[], cwd: string): AlertsConfig {
  if (operands.length > 0) throw invalid("Cannot list alerts: expected no operands; --rule and --sensor choose some");
  const trying = settings.optional("alerts:try", parseText);
  const given = (["alerts:state", "alerts:rule", "alerts:sensor", "alerts:limit"] as const).find(
    (id) => settings.given(id) !== undefined,
  );
  if (trying !== null && given !== undefined) {
    throw invalid(`Cannot use ${settings.given(given)?.by} with --try: it chooses from the list`);
  }
  for (const id of ["query:from", "query:to"] as const) {
    const by = settings.given(id)?.by;
    if (trying === null && by !== undefined) throw invalid(`Cannot use ${by}: expected --try with it`);
  }
  return {
    client: clientConfig(settings, cwd),
    state: settings.optional("alerts:state", parseState),
    rule: settings.optional("alerts:rule", parseText),
    sensor: settings.optional("alerts:sensor", parseSensor),
    limit: settings.read("alerts:limit", parseInteger(1, 1000)),
    trying: trying === null ? null : ruleToTry(trying, cwd),
    from: settings.optional("query:from", parseText) ?? FROM,
    to: settings.optional("query:to", parseText),
    json: settings.flag("json"),
  };
}

function ruleToTry(text: string, cwd: string): RuleToTry {
  if (text.trimStart().startsWith("{")) return { kind: "json", text };
  return text.endsWith(".json") ? { kind: "file", path: resolve(cwd, text) } : { kind: "name", name: text };
}

function parseState(text: string): Parsed<(typeof STATES)[number]> {
  const state = STATES.find((each) => each === text);
  return state === undefined ? { expected: STATES.join(", ") } : { value: state };
}
