/** `tidemark send`: values of the command line, or lines of the input, as readings of a sensor. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { SendConfig } from "../config/send-config.ts";
import { systemClock } from "../core/clock.ts";
import { messageOf, type TidemarkError } from "../core/errors.ts";
import { plural } from "../core/figures.ts";
import { NAME_BYTES_MAX } from "../core/limits.ts";
import { printable } from "../core/printable.ts";
import { Random } from "../core/random.ts";
import { isNobodyThere } from "../doors/simulator/exchange.ts";
import { HttpTarget, type Outcome, type Problem } from "../doors/simulator/http-target.ts";
import { SendQueue } from "../doors/simulator/send-queue.ts";
import { printJson, serverUrl } from "./client.ts";
import type { Console } from "./console.ts";
import { endOnSignals } from "./ending.ts";
import { inputLines, type Line } from "./input-lines.ts";
import { leavesOpen, ReadingMaker } from "./reading-maker.ts";

/** 64 bits: no two calls share one. */
const BOOT_BYTES = 8;

/** How long values of the command line are tried: who typed them waits. */
const VALUES_MS_MAX = 30_000;

/** What still waits when a signal ends it. */
const LAST_MS_MAX = 5000;

/** Readings that wait while more input is read. */
const WAITING_MAX = 20_000;

/** Problems shown; the server keeps them all (tidemark rejections). */
const PROBLEMS_SHOWN_MAX = 10;

/** @param input read where the command line has no value @returns the exit code: 1 when a reading was rejected or not sent */
export async function send(config: SendConfig, console: Console, input: NodeJS.ReadStream): Promise<number> {
  const { sensor, client, values } = config;
  const url = serverUrl(client);
  const ending = endOnSignals(console.inBackground, () => console.err("still sending what waits, for 5 s at most"));
  const gaveUp = new AbortController();
  const sending = new Sending(config, console);
  const target = new HttpTarget(url, sensor, client.tokens.write, sending.took);
  const queue = new SendQueue(
    target,
    new Random(randomBytes(4).readUInt32LE()),
    (error, tries) => {
      sending.trouble = error;
      // Nothing was sent: who typed a value is told at once.
      if (values.length > 0 && queue.acknowledged === 0 && isNobodyThere(error.cause)) gaveUp.abort();
      else if (tries === 3) console.err(`${error.message}; trying again`);
    },
    () => {},
  );
  try {
    if (values.length > 0) {
      queue.offer(values.map((value, i) => sending.payload({ text: value, number: i + 1 })));
      await queue.until(0, AbortSignal.any([ending.signal, gaveUp.signal, AbortSignal.timeout(VALUES_MS_MAX)]));
    } else {
      if (input.isTTY) console.err(`a value a line for ${sensor}; Ctrl-D ends`);
      for await (const line of inputLines(input, ending.signal)) {
        if (leavesOpen(line.text)) sending.refuse(line);
        else queue.offer([sending.payload(line)]);
        if (queue.waiting >= WAITING_MAX) await queue.until(WAITING_MAX / 2, ending.signal);
        if (queue.failure !== null) break;
      }
      await queue.until(0, ending.signal);
      if (ending.signal.aborted) await queue.until(0, AbortSignal.timeout(LAST_MS_MAX));
    }
    const left = queue.waiting;
    await queue.close();
    return sending.report(left, queue.failure ?? sending.trouble);
  } finally {
    ending.release();
  }
}

/** What was sent and what became of it. */
class Sending {
  readonly #config: SendConfig;
  readonly #console: Console;
  readonly #maker: ReadingMaker;
  /** Where each reading that is not acknowledged yet came from, oldest first. */
  #lines: number[] = [];
  readonly #problems: Problem[] = [];
  #appended = 0;
  #rejected = 0;
  /** Those of them that the server keeps. */
  #kept = 0;
  trouble: TidemarkError | null = null;

  constructor(config: SendConfig, console: Console) {
    this.#config = config;
    this.#console = console;
    this.#maker = new ReadingMaker({
      device: config.device ?? `cli-${hostname()}`.slice(0, NAME_BYTES_MAX),
      boot: config.boot ?? randomBytes(BOOT_BYTES).toString("hex"),
      timeMs: config.timeMs,
      clock: systemClock,
    });
  }

  payload({ text, number }: Line): Uint8Array {
    this.#lines.push(number);
    return this.#maker.make(text);
  }

  /** It is not sent. */
  refuse({ number }: Line): void {
    this.#rejected++;
    const reason = "a bracket is not closed in this line; not sent";
    if (this.#problems.length < PROBLEMS_SHOWN_MAX) this.#problems.push({ line: number, code: "unreadable", reason });
  }

  readonly took = ({ sent, appended, rejected, problems }: Outcome): void => {
    const lines = this.#lines.slice(0, sent);
    this.#lines = this.#lines.slice(sent);
    this.#appended += appended;
    if (appended > 0) this.#kept += rejected;
    this.#rejected += rejected;
    for (const problem of problems) {
      if (this.#problems.length === PROBLEMS_SHOWN_MAX) break;
      this.#problems.push({ ...problem, line: lines[problem.line - 1] ?? problem.line });
    }
  };

  /** @returns the exit code */
  report(left: number, trouble: TidemarkError | null): number {
    const { sensor, values, json } = this.#config;
    const { out, err } = this.#console;
    const [appended, rejected] = [this.#appended, this.#rejected];
    if (json) printJson({ appended, rejected, unsent: left, problems: this.#problems }, out);
    else {
      if (appended > 0 || left === 0) out(`appended ${plural(appended, "reading")} to ${sensor}`);
      const kept = this.#kept === 0 ? "" : `; tidemark rejections --sensor ${sensor} lists what came with others`;
      if (rejected > 0) err(`rejected ${plural(rejected, "reading")}${kept}`);
      const what = values.length > 0 ? "value" : "line";
      for (const { line, reason } of this.#problems) err(`  ${what} ${line}: ${printable(reason)}`);
    }
    if (left === 0) return rejected === 0 ? 0 : 1;
    if (trouble === null) err(`not sent: ${plural(left, "reading")}, interrupted`);
    else if (appended === 0) throw trouble;
    else err(`not sent: ${plural(left, "reading")}; ${messageOf(trouble)}`);
    return 1;
  }
}
