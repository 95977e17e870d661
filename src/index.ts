/** The public API: a client of a server, and tidemark within another program. docs/LIBRARY.md. */
import type { Embedded, OpenOptions } from "./embedded.ts";

export {
  type Asked,
  type Bounds,
  type Computed,
  Connection,
  type ConnectOptions,
  connect,
  type ErrorCode,
  type LiveChange,
  type LiveEvent,
  type LiveOptions,
  type LiveSensor,
  type MetricAsked,
  type Moment,
  type Moments,
  type Problem,
  type Reading,
  type SendOptions,
  type SensorInfo,
  type Sent,
  type Series,
  type SeriesQuestion,
  TidemarkError,
  UnsentError,
} from "./client/connect.ts";
export type { Embedded, OpenOptions } from "./embedded.ts";
export type { Cause, CausedRange, Change } from "./engine/change.ts";
export type { SensorStatus, SensorTotals } from "./engine/engine.ts";

/** As `open` of embedded.ts: all that a client does not need is loaded with the first call. */
export async function open(directory: string, options?: OpenOptions): Promise<Embedded> {
  return await (await import("./embedded.ts")).open(directory, options);
}
