/** Syncs the history, in the thread that waits for the disk: a connection of its own checkpoints the write-ahead log, so that a slow disk holds up no answer. */
import { DatabaseSync } from "node:sqlite";
import type { MessagePort } from "node:worker_threads";
import { messageOf } from "../core/errors.ts";

/** What is answered: whether everything that was committed before the request is on disk now. */
export interface CheckpointReply {
  readonly synced: boolean;
  readonly error: string | null;
}

/** Answers the requests that come to the port, until one says "close". */
export function serve(port: MessagePort, file: string): void {
  const db = new DatabaseSync(file);
  // FULL syncs the log before it is copied into the database, and the database before the log is used again.
  db.exec("PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000;");
  port.on("message", (message: "sync" | "close") => {
    if (message === "close") {
      db.close();
      port.close();
    } else {
      port.postMessage(checkpoint(db));
    }
  });
}

function checkpoint(db: DatabaseSync): CheckpointReply {
  try {
    const row = db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get();
    return { synced: row?.busy === 0 && row.log === row.checkpointed, error: null };
  } catch (error) {
    return { synced: false, error: messageOf(error) };
  }
}
