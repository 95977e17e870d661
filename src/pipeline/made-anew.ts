/** A history that is damaged is made anew where the log still holds all that was counted; else nothing is served from it. */
import { join } from "node:path";
import { messageOf, TidemarkError } from "../core/errors.ts";
import type { OnNotice } from "../core/notice.ts";
import type { Log } from "../log/log.ts";
import { Database } from "../store/database.ts";
import { EndsFile, endsPath } from "../store/ends-file.ts";
import type { HistoryGuard } from "../store/history-guard.ts";
import { setDatabaseAside } from "../store/set-aside.ts";
import { endOf } from "./sources.ts";

/** An open history; made anew: it begins empty, and the log is read from its beginning. */
export interface OpenedHistory {
  readonly db: Database;
  readonly isAnew: boolean;
}

/**
 * Opens the history, once the guard has looked at it; a damaged one is set aside where the log holds all of it.
 * @throws TidemarkError "history-corrupt" when it does not, and others of opening
 */
export async function openHistory(
  directory: string,
  log: Log,
  guard: HistoryGuard,
  onNotice: OnNotice,
): Promise<OpenedHistory> {
  try {
    return { db: Database.open(directory, await guard.look(directory, onNotice)), isAnew: false };
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== "history-corrupt") throw error;
    const path = join(directory, "history.db");
    const missing = await missingInLog(endsPath(path), log);
    if (missing !== null) {
      const what = `it cannot be made anew, as ${missing}: restore a backup (tidemark restore)`;
      throw new TidemarkError("history-corrupt", `${error.message}; ${what}`, error);
    }
    const aside = setDatabaseAside(path) ?? "nowhere, as it was gone";
    onNotice(
      `${error.message}. It is set aside (${aside}) and made anew from the log, which holds all of it`,
      "history-anew",
    );
    return { db: Database.open(directory), isAnew: true };
  }
}

/** What the log does not hold of what the history had taken in; null: it holds all. */
async function missingInLog(ends: string, log: Log): Promise<string | null> {
  const positions = EndsFile.read(ends);
  if (positions.size === 0) return `${ends} does not say what had been taken in`;
  for (const [name, value] of positions) {
    const { topic, partition, id, next } = endOf(name, value);
    if (next === 0) continue;
    const place = `"${topic}" partition ${partition}`;
    try {
      const [found] = (await log.open([topic])).topics;
      if (found === undefined || found.id !== id) return `the log does not have the topic "${topic}" that was read`;
      const { start, end } = await log.bounds(topic, partition);
      if (start > 0) return `the log holds ${place} from offset ${start} on only`;
      if (end < next) return `the log holds ${place} up to offset ${end} only, ${next} had been taken in`;
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      return `the log does not say what it holds of ${place} (${messageOf(error)})`;
    }
  }
  return null;
}
