/** `tidemark import`: a file of CSV or NDJSON → readings of a sensor, each counted once however often it is imported. */
import { randomBytes } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import type { ImportConfig } from "../config/import-config.ts";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { countText, plural } from "../core/figures.ts";
import { printable } from "../core/printable.ts";
import { Random } from "../core/random.ts";
import { formatMs } from "../core/time.ts";
import { openZone } from "../core/zone.ts";
import { isNobodyThere } from "../doors/simulator/exchange.ts";
import { HttpTarget, type Outcome } from "../doors/simulator/http-target.ts";
import { SendQueue } from "../doors/simulator/send-queue.ts";
import { serverUrl } from "./client.ts";
import type { Console } from "./console.ts";
import { endOnSignals } from "./ending.ts";
import { parseTimeFormat, Times } from "./import/cells.ts";
import { FIELDS, type Field } from "./import/fields.ts";
import { FileReader, type Item, type Layout } from "./import/file-reader.ts";
import { Progress } from "./progress.ts";

/** Readings that wait while more of the file is read. */
const WAITING_MAX = 20_000;

/** Lines that are no readings and are shown; all are counted. */
const FAULTS_SHOWN_MAX = 20;

/** Readings that a dry run shows. */
const SHOWN_MAX = 3;

/** @returns the exit code: 1 when something of the file was not imported */
export async function importFile(config: ImportConfig, console: Console, streams: Streams): Promise<number> {
  const importing = new Importing(config, console, new Progress(streams.stderr, "readings"));
  const ending = endOnSignals(console.inBackground, () => console.err("still waiting for the server to acknowledge"));
  try {
    if (config.dryRun) return await importing.rehearse(streams.stdin, ending.signal);
    return await importing.send(streams.stdin, ending.signal);
  } finally {
    ending.release();
  }
}

/** Where the file may come from, and where progress is shown. */
export interface Streams {
  readonly stdin: NodeJS.ReadStream;
  readonly stderr: NodeJS.WriteStream;
}

class Importing {
  readonly #config: ImportConfig;
  readonly #console: Console;
  readonly #progress: Progress;
  readonly #reader: FileReader;
  /** The lines of readings that are not acknowledged yet, oldest first. */
  #lines: number[] = [];
  readonly #faults: { readonly line: number; readonly reason: string }[] = [];
  #faulty = 0;
  #readings = 0;
  #appended = 0;
  #span: { firstMs: number; lastMs: number } | null = null;
  #bytesRead = 0;
  #bytes: number | null = null;

  constructor(config: ImportConfig, console: Console, progress: Progress) {
    const { timeFormat, columns, delimiter, device } = config;
    const format = timeFormat === null ? null : parseTimeFormat(timeFormat);
    if (format === undefined) {
      const wanted = "s, ms, us, ns, or a pattern such as DD.MM.YYYY HH:mm:ss";
      throw new TidemarkError("config-invalid", `Cannot use --time-format ${timeFormat}: expected ${wanted}`);
    }
    const named = new Map(
      FIELDS.flatMap((field): [Field, string][] => {
        const column = columns.get(field);
        return column === undefined ? [] : [[field, column]];
      }),
    );
    this.#config = config;
    this.#console = console;
    this.#progress = progress;
    this.#reader = new FileReader({ times: new Times(openZone(config.timezone), format), named, delimiter, device });
  }

  /** Reads all of it and sends nothing. */
  async rehearse(stdin: NodeJS.ReadStream, signal: AbortSignal): Promise<number> {
    const { out } = this.#console;
    const shown: string[] = [];
    for await (const items of this.#items(stdin, signal)) {
      for (const item of items) {
        if ("fault" in item) continue;
        if (shown.length < SHOWN_MAX) shown.push(new TextDecoder().decode(item.payload));
      }
    }
    this.#progress.end();
    for (const line of layoutLines(this.#reader.layout)) out(line);
    for (const line of shown) out(`  ${printable(line)}`);
    out(
      `would import ${plural(this.#readings, "reading")} to ${this.#config.sensor}${this.#spanText()}; nothing was sent`,
    );
    return this.#report();
  }

  async send(stdin: NodeJS.ReadStream, signal: AbortSignal): Promise<number> {
    const { client, sensor } = this.#config;
    const { out, err } = this.#console;
    const gaveUp = new AbortController();
    let trouble: TidemarkError | null = null;
    const target = new HttpTarget(serverUrl(client), sensor, client.tokens.write, this.#took);
    const queue = new SendQueue(
      target,
      new Random(randomBytes(4).readUInt32LE()),
      (error, tries) => {
        trouble = error;
        if (queue.acknowledged === 0 && isNobodyThere(error.cause)) gaveUp.abort();
        else if (tries === 3) err(`${error.message}; trying again`);
      },
      () => {},
    );
    const ended = AbortSignal.any([signal, gaveUp.signal]);
    try {
      for await (const items of this.#items(stdin, ended)) {
        const payloads = items.flatMap((item) => ("fault" in item ? [] : [item.payload]));
        for (const item of items) if (!("fault" in item)) this.#lines.push(item.line);
        queue.offer(payloads);
        if (queue.waiting >= WAITING_MAX) await queue.until(WAITING_MAX / 2, ended);
        if (queue.failure !== null || ended.aborted) break;
      }
      await queue.until(0, ended);
    } finally {
      this.#progress.end();
      await queue.close();
    }
    const left = queue.waiting;
    const failure: TidemarkError | null = queue.failure ?? trouble;
    if (left > 0 && this.#appended === 0 && failure !== null) throw failure;
    out(
      `imported ${plural(this.#appended, "reading")} to ${sensor}${this.#spanText()}; what was there already counts once`,
    );
    const code = this.#report();
    if (left === 0 && !ended.aborted) return code;
    const why = failure === null || signal.aborted ? "interrupted" : messageOf(failure);
    err(`not all of it was imported: ${why}; the same command goes on, and counts nothing twice`);
    return 1;
  }

  /** What the file holds, chunk by chunk, counted. */
  async *#items(stdin: NodeJS.ReadStream, signal: AbortSignal): AsyncGenerator<readonly Item[]> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#chunks(stdin, signal)) {
      this.#bytesRead += chunk.length;
      yield this.#count(this.#reader.push(decoder.decode(chunk, { stream: true })));
      const share = this.#bytes === null ? null : this.#bytesRead / this.#bytes;
      this.#progress.show({ share, count: this.#readings });
    }
    if (!signal.aborted) yield this.#count(this.#reader.end());
  }

  async *#chunks(stdin: NodeJS.ReadStream, signal: AbortSignal): AsyncGenerator<Buffer> {
    const { file } = this.#config;
    try {
      if (file !== null) this.#bytes = statSync(file).size;
      const stream = file === null ? stdin : createReadStream(file);
      const stop = () => stream.destroy();
      signal.addEventListener("abort", stop, { once: true });
      for await (const chunk of stream) yield chunk;
      signal.removeEventListener("abort", stop);
    } catch (error) {
      if (signal.aborted || error instanceof TidemarkError) return;
      throw new TidemarkError("config-invalid", `Cannot read ${file ?? "the input"}: ${messageOf(error)}`, error);
    }
  }

  #count(items: readonly Item[]): readonly Item[] {
    for (const item of items) {
      if ("fault" in item) this.#refuse(item.line, item.fault);
      else {
        this.#readings++;
        this.#span ??= { firstMs: item.timeMs, lastMs: item.timeMs };
        this.#span.firstMs = Math.min(this.#span.firstMs, item.timeMs);
        this.#span.lastMs = Math.max(this.#span.lastMs, item.timeMs);
      }
    }
    return items;
  }

  #refuse(line: number, reason: string): void {
    this.#faulty++;
    if (this.#faults.length < FAULTS_SHOWN_MAX) this.#faults.push({ line, reason });
  }

  readonly #took = ({ sent, appended, rejected, problems }: Outcome): void => {
    const lines = this.#lines.slice(0, sent);
    this.#lines = this.#lines.slice(sent);
    this.#appended += appended;
    for (const { line, reason } of problems) this.#refuse(lines[line - 1] ?? line, reason);
    // Those that the server does not name.
    this.#faulty += Math.max(0, rejected - problems.length);
  };

  #spanText(): string {
    if (this.#span === null) return "";
    return ` (${formatMs(this.#span.firstMs)} to ${formatMs(this.#span.lastMs)})`;
  }

  /** @returns the exit code */
  #report(): number {
    const { err } = this.#console;
    if (this.#faulty === 0) return 0;
    err(`not imported: ${plural(this.#faulty, "line")}`);
    for (const { line, reason } of this.#faults) err(`  line ${line}: ${printable(reason)}`);
    const more = this.#faulty - this.#faults.length;
    if (more > 0) err(`  and ${countText(more)} more`);
    return 1;
  }
}

function layoutLines(layout: Layout | null): string[] {
  if (layout === null) return ["the file is empty"];
  const { kind, delimiter, hasHeader, columns } = layout;
  const what =
    kind === "ndjson"
      ? "NDJSON"
      : `CSV with ${delimiter === "\t" ? "tab" : delimiter} between columns, ${hasHeader ? "with" : "without"} titles`;
  const fields = Object.entries(columns).map(([field, column]) => `${field}=${column}`);
  return [printable(`${what}: ${fields.join(", ")}`)];
}
