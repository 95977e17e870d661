/** A worker thread that syncs the history: its own connection checkpoints the write-ahead log, so that a slow disk holds up no answer. */
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../core/errors.ts";

/** What the worker answers: whether everything that was committed before the request is on disk now. */
export interface CheckpointReply {
  readonly synced: boolean;
  readonly error: string | null;
}

if (parentPort !== null) {
  const port = parentPort;
  const db = new DatabaseSync(String(workerData));
  // FULL syncs the log before it is copied into the database, and the database before the log is used again.
  db.exec("PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000;");
  port.on("message", (message: unknown) => {
    if (message === "close") {
      db.close();
      port.close();
      return;
    }
    let reply: CheckpointReply;
    try {
      const row = db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
      reply = { synced: row?.busy === 0 && row.log === row.checkpointed, error: null };
    } catch (error) {
      reply = { synced: false, error: messageOf(error) };
    }
    port.postMessage(reply);
  });
}
