/** A server's lines for its operator: sentences for people, or JSON for machines (decision 28). */
import type { LogFormat } from "../config/option-table.ts";
import { NOTICE_LEVELS, type OnNotice } from "../core/notice.ts";
import type { Console } from "./console.ts";

/** What a line is about, beside its sentence; in JSON fields of their own. */
type Facts = Readonly<Record<string, unknown>>;

/** Where a server's lines go. */
export interface OperatorLog {
  /** What the server does itself. */
  readonly tell: (text: string, kind: keyof typeof NOTICE_LEVELS, facts?: Facts) => void;
  /** What is found out while it runs. */
  readonly notice: OnNotice;
}

/** Opens it. The JSON is pino's: `level`, `time`, `pid`, `event`, `msg`, one object a line, all of it on stdout. */
export async function openOperatorLog(format: LogFormat, { out, err, raw }: Console): Promise<OperatorLog> {
  if (format === "text") return { tell: out, notice: (text) => err(`notice: ${text}`) };
  const { pino } = await import("pino"); // 20 ms that only those wait for who want it
  const logger = pino(
    {
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    { write: raw },
  );
  const tell: OperatorLog["tell"] = (text, kind, facts = {}) =>
    logger[NOTICE_LEVELS[kind]]({ event: kind, ...facts }, text);
  return { tell, notice: tell };
}
