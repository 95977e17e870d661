/** `tidemark verify`: whether a history is what its log says, as far as the log reaches, and what each row says of the others. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { openLogToRead } from "../app.ts";
import type { VerifyConfig } from "../config/verify-config.ts";
import { systemClock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { openZone } from "../core/zone.ts";
import { DATABASES } from "../store/backup.ts";
import { type DataLock, lockDataDirectory } from "../store/data-lock.ts";
import { checkPages } from "../store/page-check.ts";
import { replaceByLog } from "../verify/anew.ts";
import type { Difference } from "../verify/differences.ts";
import { repairPages } from "../verify/repair.ts";
import { type Verified, verify as verifyHistory } from "../verify/verification.ts";
import { printJson } from "./client.ts";
import type { Console } from "./console.ts";
import { endOnSignals } from "./ending.ts";
import { Progress } from "./progress.ts";
import { Findings } from "./verify/lines.ts";

/** Exit codes: all is right, something differs, it could not be done. */
const RIGHT = 0;
const DIFFERENT = 1;
const NOT_DONE = 2;

/** Of the process that runs it. */
interface Streams {
  readonly stdin: NodeJS.ReadStream;
  readonly stderr: NodeJS.WriteStream;
}

/** @returns the exit code */
export async function verify(config: VerifyConfig, terminal: Console, streams: Streams): Promise<number> {
  const ending = endOnSignals(false, () => {});
  const findings = new Findings(config, terminal);
  let lock: DataLock | null = null;
  let scratch: string | null = null;
  try {
    requireHistory(config.data);
    lock = ownerless(config);
    if (lock !== null) findings.addAll(damagedPages(config.data));
    scratch = mkdtempSync(join(tmpdir(), "tidemark-verify-"));
    const startedAt = performance.now();
    const verified = await look(config, findings, scratch, ending.signal, streams);
    const mayRepair = lock !== null && config.repair;
    const repaired = mayRepair ? await repair(config, verified, scratch, terminal, streams) : null;
    const seconds = (performance.now() - startedAt) / 1000;
    if (config.json) {
      printJson(findings.json(verified, { isRunning: lock === null, seconds, repaired }), terminal.out);
    } else findings.summary(verified, { isRunning: lock === null, seconds, repaired });
    return findings.count === 0 ? RIGHT : DIFFERENT;
  } catch (error) {
    if (ending.signal.aborted) terminal.err(`stopped; ${findings.count} differences were found until then`);
    else if (error instanceof TidemarkError) terminal.err(error.message);
    else throw error;
    return NOT_DONE;
  } finally {
    ending.release();
    if (scratch !== null) rmSync(scratch, { recursive: true, force: true });
    lock?.release();
  }
}

/** @throws TidemarkError "data-dir-unusable" */
function requireHistory(data: string): void {
  if (statSync(join(data, "history.db"), { throwIfNoEntry: false }) !== undefined) return;
  throw new TidemarkError("data-dir-unusable", `Cannot verify ${data}: there is no history.db in it`);
}

/** The lock of a directory on which nothing runs; null: something does, which is left alone. @throws TidemarkError "data-dir-owned" to repair it */
function ownerless({ data, repair }: VerifyConfig): DataLock | null {
  try {
    return lockDataDirectory(data);
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== "data-dir-owned") throw error;
    if (!repair) return null;
    const what = "a server runs on it; expected one that is stopped (tidemark stop)";
    throw new TidemarkError("data-dir-owned", `Cannot repair ${data}: ${what}`, error);
  }
}

/** SQLite's own pages that are not what was written. */
function damagedPages(data: string): Difference[] {
  return DATABASES.flatMap((name): Difference[] => {
    const path = join(data, name);
    const check = statSync(path, { throwIfNoEntry: false }) === undefined ? null : checkPages(path);
    if (check === null) return [];
    const numbers = [...check.damaged, ...check.found.keys()];
    return numbers.map((number) => {
      const from = check.found.has(number) ? `; ${name}-wal has it, the next start puts it back` : "";
      const expected = `what was written last${from}`;
      const what = `page ${number} of the file ${name}`;
      return { proof: "checksum", sensor: null, what, second: null, stored: "other bytes", expected };
    });
  });
}

async function look(
  config: VerifyConfig,
  findings: Findings,
  scratch: string,
  signal: AbortSignal,
  { stderr }: Streams,
): Promise<Verified> {
  const progress = { log: new Progress(stderr, "records"), pages: new Progress(stderr, "pages") };
  try {
    return await verifyHistory({
      directory: config.data,
      openLog: () => openLogToRead(config.log, config.data, systemClock),
      zone: openZone(config.timezone),
      clockAheadMs: config.clockAheadMs,
      nowMs: systemClock.now(),
      scratch,
      mayRepair: config.repair,
      onDifference: (difference) => {
        progress.log.end();
        progress.pages.end();
        findings.add(difference);
      },
      onProgress: ({ phase, share, count }) => progress[phase].show({ share, count }),
      signal,
    });
  } finally {
    progress.log.end();
    progress.pages.end();
  }
}

/** @returns the file with what was there; null: nothing was repaired */
async function repair(
  { data, yes }: VerifyConfig,
  { repairs, isAnew }: Verified,
  scratch: string,
  { err }: Console,
  { stdin, stderr }: Streams,
): Promise<string | null> {
  if (repairs.size === 0 && !isAnew) return null;
  if (!yes) {
    const what = isAnew ? "all that the log tells" : `${repairs.size} pages`;
    const question = `replace ${what} of the history in ${data}?`;
    if (!stdin.isTTY) throw new TidemarkError("config-invalid", `Cannot repair unasked: expected --yes to ${question}`);
    const asking = createInterface({ input: stdin, output: stderr });
    const answer = await asking.question(`${question} [y/N] `);
    asking.close();
    if (!/^y(es)?$/i.test(answer.trim())) {
      err("nothing is changed");
      return null;
    }
  }
  return isAnew ? replaceByLog(data, scratch) : repairPages(data, repairs);
}
