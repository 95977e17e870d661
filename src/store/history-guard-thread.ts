/** Looks at a history before it is opened (guarded-open.ts), in the thread that waits for the disk: reading all of a large one takes seconds. */
import type { MessagePort } from "node:worker_threads";
import type { ErrorCode } from "../core/errors.ts";
import { guardedHistory, openError } from "./database.ts";
import { guardDatabase } from "./guarded-open.ts";

/** So much was compared; or the end. */
export type GuardReply =
  | { readonly kind: "compared"; readonly bytes: number; readonly allBytes: number }
  | { readonly kind: "guarded"; readonly damage: string | null; readonly notices: readonly string[] }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };

/** Looks at each file that comes to the port, until one says "close". */
export function serve(port: MessagePort): void {
  const say = (reply: GuardReply): void => port.postMessage(reply);
  port.on("message", (file: string) => {
    if (file === "close") {
      port.close();
      return;
    }
    try {
      const { damage, notices } = guardDatabase(guardedHistory(file), (bytes, allBytes) =>
        say({ kind: "compared", bytes, allBytes }),
      );
      say({ kind: "guarded", damage, notices });
    } catch (error) {
      const { code, message } = openError(file, error);
      say({ kind: "failed", code, message });
    }
  });
}
