/** Reads the log once from one offset of each partition to another, past what cannot be read. */
import { TidemarkError } from "../core/errors.ts";
import { Records } from "../core/records.ts";
import type { ReadableLog } from "../log/log.ts";

/** What is read of a partition: offsets [start, end). */
export interface Span {
  readonly topic: string;
  readonly partition: number;
  readonly start: number;
  readonly end: number;
}

/** Takes what is read, a partition's in order. */
export interface Sink {
  /** Records of the span, valid until it returns. */
  take(records: Records, span: Span): Promise<void> | void;
  /** Offsets of the span that the log does not hold. */
  gap?(span: Span, from: number, to: number): void;
  /** Offsets of the span that cannot be read, and why. */
  damaged?(span: Span, from: number, to: number, why: string): void;
}

/** @throws TidemarkError "log-unreachable" | "log-refused", and the reason of the signal when it aborts */
export async function readSpans(
  log: ReadableLog,
  spans: readonly Span[],
  sink: Sink,
  signal: AbortSignal,
): Promise<void> {
  const left = new Map<string, { readonly span: Span; next: number }>();
  for (const span of spans) if (span.start < span.end) left.set(keyOf(span), { span, next: span.start });
  const positions = Array.from(left.values(), ({ span: { topic, partition, start } }) => {
    return { topic, partition, offset: start };
  });
  const records = new Records(4096);
  const reader = log.reader(positions);
  try {
    while (left.size > 0) {
      const fetched = await reader.read(signal);
      signal.throwIfAborted();
      if (fetched === null) throw new Error("BUG: the log ended before what is to be read of it");
      const at = left.get(keyOf(fetched));
      if (at !== undefined && fetched.gap !== null) {
        const to = Math.min(fetched.gap.to, at.span.end);
        if (to > at.next) sink.gap?.(at.span, at.next, to);
        at.next = Math.max(at.next, fetched.gap.to);
      }
      try {
        while (fetched.next(records)) {
          if (at === undefined || at.next >= at.span.end) continue;
          while (records.count > 0 && records.offset[records.count - 1] >= at.span.end) records.count--;
          if (records.count > 0) await sink.take(records, at.span);
          at.next = records.nextOffset;
        }
      } catch (error) {
        if (!(error instanceof TidemarkError) || at === undefined) throw error;
        const resumeAt = Math.min(fetched.resumeAt ?? at.span.end, at.span.end);
        sink.damaged?.(at.span, at.next, resumeAt, error.message);
        at.next = resumeAt;
        const { topic, partition } = fetched;
        if (resumeAt < at.span.end) reader.add([{ topic, partition, offset: resumeAt }]);
      }
      if (at !== undefined && at.next >= at.span.end) left.delete(keyOf(fetched));
    }
  } finally {
    await reader.close();
  }
}

/** One text for a partition. */
export function keyOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`;
}
