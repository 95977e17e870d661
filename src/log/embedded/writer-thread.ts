/** The thread that owns the writing connection: a slow disk holds up nothing but appends. Speaks messages.ts; the main thread's side is embedded-log.ts. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { assert, messageOf, TidemarkError } from "../../core/errors.ts";
import { LogWriter } from "./log-writer.ts";
import type { Answer, Request } from "./messages.ts";

/** What the main thread starts this thread with. */
export interface WriterSettings {
  readonly path: string;
  readonly retentionBytes: number;
}

const port = parentPort;
assert(port !== null, () => "the writer thread was started as a program");
const { path, retentionBytes }: WriterSettings = workerData;

/** Set once it is not known what the disk holds: nothing is written or acknowledged any more. */
let broken: TidemarkError | null = null;
let working = false;
let writer: LogWriter | null = null;

function answer(message: Answer): void {
  port?.postMessage(message);
}

/** The error's answer. Anything but "disk-full" is for good. Not an operating error: a bug, which ends the thread. */
function fail(error: unknown): void {
  if (!(error instanceof TidemarkError)) throw error;
  const { code, message } = error;
  if (code !== "disk-full") broken = error;
  answer({ kind: broken === null ? "refused" : "broken", code, message });
}

function handle(own: LogWriter, request: Exclude<Request, { kind: "close" }>): void {
  switch (request.kind) {
    case "topics":
      own.createTopics(request.topics);
      answer({ kind: "topics", topics: own.topics(), held: own.held() });
      break;
    case "append":
      own.append(request.rows);
      answer({ kind: "appended", held: own.held() });
      break;
    case "committed":
      for (const { topic, offset } of request.offsets) own.committed(topic, offset);
      answer({ kind: "held", held: own.held() });
      break;
  }
}

/** Work between requests: one piece a turn of the loop, so that a waiting request comes first. */
function work(): void {
  working = false;
  if (writer === null || broken !== null) return;
  try {
    if (!writer.work()) return;
    answer({ kind: "held", held: writer.held() });
    workLater();
  } catch (error) {
    // A full disk: tried again after the next request.
    if (!(error instanceof TidemarkError) || error.code !== "disk-full") fail(error);
  }
}

function workLater(): void {
  if (working) return;
  working = true;
  setImmediate(work);
}

function close(own: MessagePort): void {
  try {
    writer?.close();
  } catch (error) {
    if (broken === null) fail(error);
  }
  writer = null;
  own.close();
}

port.on("message", (request: Request) => {
  if (request.kind === "close") {
    close(port);
  } else if (broken !== null) {
    answer({ kind: "broken", code: broken.code, message: messageOf(broken) });
  } else {
    try {
      writer ??= new LogWriter(path, retentionBytes);
      handle(writer, request);
      workLater();
    } catch (error) {
      fail(error);
    }
  }
});
