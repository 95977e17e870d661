/** `node bench/ours/maps.ts`: messages a second through maps of known devices, parsed and turned into readings; nothing is appended. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openZone } from "../../src/core/zone.ts";
import { presetMap } from "../../src/doors/mapping/map-spec.ts";
import { Maps } from "../../src/doors/mapping/maps.ts";
import { payloadOf } from "../../src/doors/mapping/payload.ts";
import { KNOWN } from "../../test/doors/samples/known.ts";

const MESSAGES = 200_000;
const samples = join(import.meta.dirname, "../../test/doors/samples");

for (const { file, like, topic, lines } of KNOWN) {
  if (topic === null) continue;
  const maps = new Maps([presetMap(like)], openZone("UTC"));
  const body = readFileSync(join(samples, file));
  const run = (): number => {
    const startedAt = performance.now();
    for (let i = 0; i < MESSAGES; i++) {
      maps.route({ topic, payload: payloadOf(body, undefined), isRetained: false, arrivalMs: i });
    }
    return MESSAGES / ((performance.now() - startedAt) / 1000);
  };
  run();
  console.log(
    `${file.padEnd(28)} ${Math.round(run()).toLocaleString("en").padStart(9)} messages/s, ${lines.length} readings each`,
  );
}
