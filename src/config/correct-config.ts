/** Configuration of `tidemark delete`, `rename` and `corrections`. Under src/config/config.ts. */
import { userInfo } from "node:os";
import { didYouMean, nearest } from "../core/nearest.ts";
import { type ClientConfig, clientConfig } from "./client-config.ts";
import { invalid, type Settings, shown } from "./settings.ts";
import { parseInteger, parseSensor, parseText, parseTimezone } from "./values.ts";

/** What all of them have. */
interface Correcting {
  readonly client: ClientConfig;
  /** Who says so. */
  readonly by: string;
  readonly json: boolean;
}

/** Configuration of `tidemark delete`. Times are read by the server. */
export interface DeleteConfig extends Correcting {
  readonly sensor: string;
  readonly device: string | null;
  readonly from: string;
  readonly to: string | null;
  readonly toExclusive: string | null;
  readonly timezone: string | null;
  readonly reason: string;
  readonly dryRun: boolean;
}

/** Configuration of `tidemark rename`. */
export interface RenameConfig extends Correcting {
  readonly sensor: string;
  readonly to: string;
  readonly reason: string;
}

/** Configuration of `tidemark corrections`. */
export interface CorrectionsConfig extends Correcting {
  /** The number of the one to undo; null: they are listed. */
  readonly undo: number | null;
  readonly limit: number;
  readonly after: number | null;
}

function correcting(settings: Settings, cwd: string): Correcting {
  const by = settings.optional("correct:by", parseText) ?? userName();
  return { client: clientConfig(settings, cwd), by, json: settings.flag("json") };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "unnamed"; // a user without an entry, as in a container
  }
}

/** Reads the configuration of `tidemark delete`. @throws TidemarkError "config-invalid" */
export function deleteConfig(settings: Settings, operands: readonly string[], cwd: string): DeleteConfig {
  if (operands.length !== 1) throw invalid(`Cannot delete: expected one SENSOR, were ${operands.length}`);
  const sensor = parseSensor(operands[0]);
  if ("expected" in sensor) throw invalid(`Cannot delete: expected ${sensor.expected}, was ${shown(operands[0])}`);
  const from = settings.optional("delete:from", parseText);
  const to = settings.optional("delete:to", parseText);
  const toExclusive = settings.optional("delete:to-exclusive", parseText);
  if (from === null || (to === null) === (toExclusive === null)) {
    throw invalid("Cannot delete: expected --from TIME, and either --to TIME or --to-exclusive TIME");
  }
  return {
    ...correcting(settings, cwd),
    sensor: sensor.value,
    device: settings.optional("delete:device", parseText),
    from,
    to,
    toExclusive,
    timezone: settings.optional("query:timezone", parseTimezone),
    reason: settings.optional("correct:reason", parseText) ?? "",
    dryRun: settings.flag("delete:dry-run"),
  };
}

/** Reads the configuration of `tidemark rename`. @throws TidemarkError "config-invalid" */
export function renameConfig(settings: Settings, operands: readonly string[], cwd: string): RenameConfig {
  if (operands.length !== 2) throw invalid(`Cannot rename: expected SENSOR NAME, was ${shown(operands.join(" "))}`);
  const [sensor, to] = operands.map((operand) => {
    const name = parseSensor(operand);
    if ("expected" in name) throw invalid(`Cannot rename: expected ${name.expected}, was ${shown(operand)}`);
    return name.value;
  });
  const reason = settings.optional("correct:reason", parseText) ?? "";
  return { ...correcting(settings, cwd), sensor, to, reason };
}

/** Reads the configuration of `tidemark corrections`. @throws TidemarkError "config-invalid" */
export function correctionsConfig(settings: Settings, operands: readonly string[], cwd: string): CorrectionsConfig {
  const actions = ["list", "undo"] as const;
  const action = operands.length === 0 ? "list" : actions.find((word) => word === operands[0]);
  if (action === undefined) {
    const hint = didYouMean(nearest(operands[0], actions));
    throw invalid(`Cannot do ${shown(operands[0])} with corrections: expected ${actions.join(", ")}${hint}`);
  }
  if (action === "list" ? operands.length > 1 : operands.length !== 2) {
    throw invalid("Cannot correct: expected nothing behind list, and one NUMBER behind undo");
  }
  let undo: number | null = null;
  if (action === "undo") {
    const number = parseInteger(1, Number.MAX_SAFE_INTEGER)(operands[1]);
    if ("expected" in number) throw invalid(`Cannot undo ${shown(operands[1])}: expected ${number.expected}`);
    undo = number.value;
  }
  const limit = settings.read("list:limit", parseInteger(1, 1000));
  const after = settings.optional("list:after", parseInteger(0, Number.MAX_SAFE_INTEGER));
  return { ...correcting(settings, cwd), undo, limit, after };
}
