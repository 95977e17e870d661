/** What a pipeline says of its files and its commits. */
import { TidemarkError } from "../core/errors.ts";
import { damageText } from "../core/scrub.ts";
import type { EngineCounters } from "../engine/engine.ts";
import type { Log } from "../log/log.ts";
import type { Checkpointer } from "../store/checkpointer.ts";
import type { State } from "./state.ts";

/** What it is made of. */
interface Parts {
  readonly state: State;
  readonly log: Log;
  readonly checkpointer: Checkpointer;
}

/** As `Engine.counters`. */
export function countersOf({ state, log, checkpointer }: Parts): EngineCounters {
  const { commits, bytesWritten, db, history } = state;
  const { bytes, since, dropped } = history.revisions;
  return {
    commits,
    bytesWritten,
    ...db.space(),
    revisionBytes: bytes,
    revisionsSince: since,
    revisionsDropped: dropped,
    logBytes: log.size(),
    historyScrub: checkpointer.scrub,
    logScrub: log.scrub ?? null,
  };
}

/** As `Engine.damage`. */
export function damageOf({ state, log, checkpointer }: Parts): TidemarkError | null {
  if (checkpointer.damage !== null) return new TidemarkError("history-corrupt", checkpointer.damage);
  const ofHistory = checkpointer.scrub.damaged;
  if (ofHistory.length > 0) return new TidemarkError("history-corrupt", damageText(state.db.file, ofHistory));
  const ofLog = log.scrub?.damaged ?? [];
  return ofLog.length > 0 ? new TidemarkError("log-corrupt", damageText(log.path ?? "the log", ofLog)) : null;
}
