/** Node's heap flags for a server. docs/decisions/0007 has the measurements. */

import { setFlagsFromString } from "node:v8";

const HEAP_GROWTH = "--heap-growing-percent=30";
/**
 * A server that reads millions of records a second from sockets makes garbage in step; collecting it as often as above costs a tenth of
 * the CPU time. 10 MB more do not matter beside the client.
 */
const KAFKA_HEAP_GROWTH = "--heap-growing-percent=100";

/**
 * V8 would let the young generation grow to 48 MB, and the old one to two to four times what is alive, before it collects. It would also leave what the
 * optimising compiler took to a thread that gives it back when there is nothing else to do. A server lives for months beside others on a machine;
 * with these it takes 40% less, and no more CPU time. The last one is for spare-memory.ts.
 */
export const SERVER_FLAGS: readonly string[] = [
  "--max-semi-space-size=2",
  HEAP_GROWTH,
  "--v8-pool-size=2",
  "--no-maglev-destroy-on-background",
  "--expose-gc",
];

/** Those that `given` (flags of Node, as in `process.execArgv`) says nothing about. */
export function missingServerFlags(given: readonly string[]): readonly string[] {
  const names = new Set(given.map(nameOf));
  return SERVER_FLAGS.filter((flag) => !names.has(nameOf(flag)));
}

/** Gives a server that follows a Kafka its own heap growth. @param given flags of Node: another growth that they ask for stands */
export function growHeapForKafka(given: readonly string[]): void {
  if (given.includes(HEAP_GROWTH)) setFlagsFromString(KAFKA_HEAP_GROWTH);
}

/** `--no-name` is about the same as `--name`, and `--name=1` as `--name 1`. */
function nameOf(flag: string): string {
  return flag.replace(/^--(no-)?/, "--").replace(/=.*$/s, "");
}
