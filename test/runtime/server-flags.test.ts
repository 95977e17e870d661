/** A server gets the flags of a server's heap, whoever starts it; flags that somebody gave stand. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { missingServerFlags, SERVER_FLAGS } from "../../src/runtime/server-flags.ts";

test("all are missing, or those that nothing was said about", () => {
  assert.deepEqual(missingServerFlags([]), SERVER_FLAGS);
  assert.deepEqual(missingServerFlags(["--inspect", ...SERVER_FLAGS]), []);
  assert.deepEqual(missingServerFlags(["--max-semi-space-size=64"]), SERVER_FLAGS.slice(1));
  assert.deepEqual(missingServerFlags(["--maglev-destroy-on-background", "--v8-pool-size", "4"]), [
    ...SERVER_FLAGS.slice(0, 2),
    "--expose-gc",
  ]);
  assert.deepEqual(missingServerFlags(["--inspect", "--no-maglev"]), SERVER_FLAGS);
  assert.deepEqual(missingServerFlags(["--max-semi-space-size-other=1", "--title=--v8-pool-size=4"]), SERVER_FLAGS);
});

test("a server that follows a Kafka lets its heap grow, unless somebody asked for another growth", () => {
  const told = (...flags: string[]): string => {
    const url = new URL("../../src/runtime/server-flags.ts", import.meta.url).href;
    const program = `import v8 from "node:v8"; import { syncBuiltinESMExports } from "node:module";
      v8.setFlagsFromString = (flag) => console.log(flag); syncBuiltinESMExports();
      const { growHeapForKafka } = await import(${JSON.stringify(url)}); growHeapForKafka(process.execArgv);`;
    return execFileSync(process.execPath, [...flags, "--input-type=module", "-e", program], { encoding: "utf8" });
  };
  assert.equal(told(...SERVER_FLAGS), "--heap-growing-percent=100\n");
  assert.equal(told("--heap-growing-percent=20"), "");
  assert.equal(told(), "");
});
