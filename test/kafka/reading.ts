/** Reads topics of a Kafka back through tidemark's own log, for comparing with what was sent. */
import assert from "node:assert/strict";
import { systemClock } from "../../src/core/clock.ts";
import { Records } from "../../src/core/records.ts";
import { Cluster } from "../../src/log/kafka/cluster.ts";
import { systemPause } from "../../src/log/kafka/pause.ts";
import type { Gap, Log, LogReader, Topic } from "../../src/log/log.ts";
import { type BatchHeader, BatchHeader as Header, readBatchHeader } from "../../src/log/record-batch.ts";
import { type Seen, seen } from "../suites/log-suite.ts";

/** What a reader brought, by partition. */
export interface Read {
  readonly rows: Map<number, Seen[]>;
  readonly gaps: Gap[];
}

/** Reads one topic until each partition has `counts[partition]` rows. */
export async function readPartitions(reader: LogReader, counts: readonly number[]): Promise<Read> {
  const rows = new Map<number, Seen[]>(counts.map((_, partition) => [partition, []]));
  const gaps: Gap[] = [];
  const records = new Records();
  while (counts.some((count, partition) => (rows.get(partition)?.length ?? 0) < count)) {
    const fetched = await reader.read();
    assert.ok(fetched !== null);
    if (fetched.gap !== null) gaps.push(fetched.gap);
    const own = rows.get(fetched.partition);
    assert.ok(own !== undefined);
    while (fetched.next(records)) for (const row of seen(records)) own.push(row);
  }
  return { rows, gaps };
}

/** A reader from the topic's beginning. */
export function readerOf(log: Log, { name, partitions }: Topic): LogReader {
  return log.reader(partitions.map((partition) => ({ topic: name, partition, offset: 0 })));
}

/** The headers of all batches of a partition, as the broker stores them. */
export async function batchHeaders(
  bootstrap: string,
  topic: string,
  partition: number,
  end: number,
): Promise<BatchHeader[]> {
  const cluster = new Cluster({ bootstrap: [bootstrap], clientId: "headers" }, systemClock, systemPause);
  const fetcher = cluster.fetcher();
  const headers: BatchHeader[] = [];
  try {
    const [{ id, leaders }] = await cluster.locate([topic]);
    for (let next = 0; next < end; ) {
      const wanted = { topic, topicId: id, partition, next, epoch: -1 };
      const [[, { records }]] = await fetcher.fetch(leaders[partition], [wanted]);
      if (records === null) continue;
      for (let position = 0; ; ) {
        const header = new Header();
        if (!readBatchHeader(records, position, records.length, header)) break;
        headers.push(header);
        position = header.end;
        next = header.nextOffset;
      }
    }
  } finally {
    await fetcher.close();
    await cluster.close();
  }
  return headers;
}

/** Reads until a partition stands still. @returns why */
export async function readFailure(reader: LogReader): Promise<unknown> {
  const records = new Records();
  for (;;) {
    const fetched = await reader.read();
    assert.ok(fetched !== null);
    try {
      while (fetched.next(records));
    } catch (error) {
      return error;
    }
  }
}
