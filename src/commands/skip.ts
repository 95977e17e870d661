/** `tidemark skip`: has the server read a partition that stands still on behind what is unreadable. */
import type { SkipConfig } from "../config/client-config.ts";
import { ask, printJson, requireSuccess } from "./client.ts";
import type { Console } from "./console.ts";

/** @throws TidemarkError "server-unreachable", or with the server's own words */
export async function skip({ client, sensor, partition, to, json }: SkipConfig, { out }: Console): Promise<void> {
  const answer = await ask(client, "sensors/skip", { body: { sensor, partition, to }, role: "admin" });
  const fields = requireSuccess(answer, `skip in ${sensor} partition ${partition}`);
  if (json) printJson(Object.fromEntries(fields), out);
  else out(`passed over ${fields.get("skipped")} records of ${sensor} partition ${partition}`);
}
