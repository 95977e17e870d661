/** Reporter of one test file for test/run.ts: what started and how it ended, a line of JSON each. */

import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    // Not "test:start": that one is told in order, so never of a test that hangs.
    if (event.type === "test:dequeue") {
      yield line({ kind: "start", name: event.data.name, nesting: event.data.nesting });
    } else if (event.type === "test:pass" || event.type === "test:fail") {
      const { name, nesting, details, skip, todo, line: at, file } = event.data;
      const error = event.type === "test:fail" ? event.data.details.error : undefined;
      const failureType = error !== undefined && "failureType" in error ? String(error.failureType) : null;
      yield line({
        kind: event.type === "test:pass" ? "pass" : "fail",
        name,
        nesting,
        suite: details.type === "suite",
        durationMs: details.duration_ms,
        skip: skip === undefined || skip === false ? null : skip === true ? "" : skip,
        todo: todo !== undefined && todo !== false,
        failureType,
        error: error === undefined ? null : inspect(error.cause ?? error, { depth: 8, maxStringLength: 10_000 }),
        place: file === undefined ? null : `${file}:${at}`,
      });
    }
  }
}

function line(entry: object): string {
  return `${JSON.stringify(entry)}\n`;
}
