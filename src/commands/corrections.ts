/** `tidemark delete`, `rename` and `corrections`: asks a server to correct the past, says what it would change, and lists and undoes what was. */
import type { CorrectionsConfig, DeleteConfig, RenameConfig } from "../config/correct-config.ts";
import { plural } from "../core/figures.ts";
import { printable } from "../core/printable.ts";
import { ask, fieldsOf, printJson, requireSuccess } from "./client.ts";
import { columns } from "./columns.ts";
import type { Console } from "./console.ts";

type Fields = ReadonlyMap<string, unknown>;

/** A deletion looks at up to 20,000 pages. */
const ANSWER_MS_MAX = 300_000;

/** Deletes readings, or says what that would change. @throws TidemarkError "server-unreachable", or with the server's own words */
export async function deleteReadings(config: DeleteConfig, { out }: Console): Promise<void> {
  const { client, sensor, from, dryRun, json } = config;
  const optional = { device: config.device, to: config.to, toExclusive: config.toExclusive, timezone: config.timezone };
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null));
  const body = { sensor, from, ...given, by: config.by, reason: config.reason, dryRun };
  const answer = await ask(client, "corrections/delete", { body, role: "admin", msMax: ANSWER_MS_MAX });
  const fields = requireSuccess(answer, `delete from ${sensor}`);
  if (json) return printJson(Object.fromEntries(fields), out);
  if (!dryRun) {
    const made = fieldsOf(fields.get("correction"));
    out(`deleted ${readingsOf(made)} of ${about(made)}`);
    out(`undo it with: tidemark corrections undo ${made.get("number")}`);
    if (config.device !== null && made.get("readings") === 0)
      out(`tidemark devices ${sensor} lists the devices that there are`);
    return;
  }
  const preview = fieldsOf(fields.get("preview"));
  const seconds = plural(Number(preview.get("seconds")), "second");
  const where =
    preview.get("readings") === 0
      ? ""
      : ` in ${seconds} from ${time(preview, "firstTime")} to ${time(preview, "lastTime")}`;
  out(`would delete ${readingsOf(preview)} of ${sensor}${where}`);
  const rows = ["before", "after"].map((name) => {
    const numbers = fieldsOf(preview.get(name));
    return [name, ...["count", "mean", "min", "max"].map((metric) => text(numbers, metric))];
  });
  for (const line of columns([["", "COUNT", "MEAN", "MIN", "MAX"], ...rows], new Set([1, 2, 3, 4]))) out(line);
}

/** Gives a sensor another name. */
export async function rename({ client, sensor, to, by, reason, json }: RenameConfig, { out }: Console): Promise<void> {
  const answer = await ask(client, "corrections/rename", { body: { sensor, to, by, reason }, role: "admin" });
  const fields = requireSuccess(answer, `rename ${sensor}`);
  if (json) return printJson(Object.fromEntries(fields), out);
  const made = fieldsOf(fields.get("correction"));
  out(`${text(made, "sensor")} is called ${to} now; undo it with: tidemark corrections undo ${made.get("number")}`);
}

/** Lists corrections, or undoes one. */
export async function corrections(config: CorrectionsConfig, { out }: Console): Promise<void> {
  const { client, by, json, limit, after } = config;
  if (config.undo !== null) {
    const body = { number: config.undo, by };
    const answer = await ask(client, "corrections/undo", { body, role: "admin", msMax: ANSWER_MS_MAX });
    const fields = requireSuccess(answer, `undo correction ${config.undo}`);
    if (json) printJson(Object.fromEntries(fields), out);
    else out(`undone: ${about(fieldsOf(fields.get("correction")))}`);
    return;
  }
  const query = new URLSearchParams({ limit: String(limit), ...(after === null ? {} : { after: String(after) }) });
  const fields = requireSuccess(await ask(client, `corrections?${query}`), "list corrections");
  if (json) return printJson(Object.fromEntries(fields), out);
  const items = fields.get("items");
  const made = (Array.isArray(items) ? items : []).map(fieldsOf);
  if (made.length === 0) return out("nothing was corrected");
  const rows = made.map((item) => {
    const undone = item.get("undone");
    const state = undone === null ? text(item, "readings") : `undone by ${text(fieldsOf(undone), "by")}`;
    const isDeletion = item.get("kind") === "delete";
    return [
      text(item, "number"),
      time(item, "at"),
      text(item, "by"),
      about(item),
      isDeletion || undone !== null ? state : "–",
      text(item, "reason"),
    ];
  });
  for (const line of columns([["N", "WHEN", "WHO", "WHAT", "READINGS", "WHY"], ...rows], new Set([0]))) out(line);
  const next = fields.get("next");
  if (typeof next === "number") out(`… more: tidemark corrections --after ${next}`);
}

/** What a correction is about, in a line. */
function about(made: Fields): string {
  const sensor = text(made, "sensor");
  if (made.get("kind") === "rename") return `${sensor} called ${text(made, "to")}`;
  const device = made.get("device") === null ? "" : ` of device ${text(made, "device")}`;
  return `${sensor}${device} from ${time(made, "from")} until before ${time(made, "toExclusive")}`;
}

function readingsOf(item: Fields): string {
  return plural(Number(item.get("readings")), "reading");
}

/** Whole seconds without their milliseconds. */
function time(item: Fields, name: string): string {
  return text(item, name).replace(".000Z", "Z");
}

function text(item: Fields, name: string): string {
  const value = item.get(name);
  return value === null || value === undefined || value === "" ? "–" : printable(String(value));
}
