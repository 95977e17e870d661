/** `tidemark serve`: one server in this process, until a signal ends it. */
import { openApp } from "../app.ts";
import { type Config, reloadedFiles } from "../config/server-config.ts";
import { shownSettings } from "../config/settings-shown.ts";
import { shownPattern, shownTarget } from "../config/values.ts";
import { plural } from "../core/figures.ts";
import { releaseWhenSettled } from "../runtime/spare-memory.ts";
import { programVersion } from "../runtime/version.ts";
import type { Console } from "./console.ts";
import { aborted, endOnSignals } from "./ending.ts";
import { openOperatorLog } from "./operator-log.ts";
import { openRunDirectory, recordOf, removeRecord, SERVER, writeRecord } from "./run-files.ts";

/** Addresses that mean "all of mine": a client here uses a loopback. */
const LOOPBACK_OF = new Map([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
]);

/** @throws TidemarkError of opening; Error "BUG: …" when our own code ended it, without a commit of what was in memory */
export async function serve(config: Config, terminal: Console): Promise<void> {
  const { tell, notice } = await openOperatorLog(config.logFormat, terminal);
  // A service has no terminal that could be closed.
  const reloads = reloadedFiles(config).length > 0 && (terminal.inBackground || !process.stderr.isTTY);
  const ending = endOnSignals(terminal.inBackground || reloads, () =>
    terminal.err("still closing: answers under way get 5 s, then the history is committed"),
  );
  const settings = shownSettings(config);
  const version = programVersion();
  tell(
    `tidemark ${version}: ${Object.entries(settings)
      .map((pair) => pair.join(" "))
      .join(", ")}`,
    "settings",
    { version, settings },
  );
  const app = await openApp(config, undefined, notice);
  const reload = () => app.reload();
  if (reloads) process.on("SIGHUP", reload);
  const url = urlOf(app.address, app.port, config.tls !== null);
  openRunDirectory(config.data);
  const record = recordOf(SERVER, process.pid, url, settings);
  if (record !== null) writeRecord(config.data, record);
  const what = `${shownSensors(config)}, log ${shownTarget(config.log)}, data ${config.data}`;
  tell(`listening on ${url}: ${what}`, "listening", { url });
  releaseWhenSettled();
  try {
    await Promise.race([app.closed, aborted(ending.signal)]);
    tell("closing: nothing more is taken in, the history is committed", "closing");
    await app.close();
    tell("closed", "closed");
  } finally {
    process.off("SIGHUP", reload);
    if (record !== null) removeRecord(config.data, record);
    ending.release();
  }
}

function shownSensors({ sensors, topics }: Config): string {
  if (topics !== null) return `topics ${shownPattern(topics.include)}`;
  if (sensors === null) return "sensors as they appear";
  return plural(sensors.length, "sensor");
}

function urlOf(address: string, port: number, isTls: boolean): string {
  const host = LOOPBACK_OF.get(address) ?? address;
  return `${isTls ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
