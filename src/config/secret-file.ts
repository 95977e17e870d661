/** Files that hold secrets: tokens, passwords, keys. Under src/config/config.ts. */
import { readFileSync, statSync } from "node:fs";
import { messageOf } from "../core/errors.ts";
import { invalid } from "./settings.ts";

/** A list of tokens, a chain of certificates: what is larger is another file. */
const SECRET_BYTES_MAX = 1_048_576;

/** Every user may read it. A group is chosen on purpose. */
const OTHERS_READ = 0o004;

/** Its text. @param by the option that names it @throws TidemarkError "config-invalid", which holds nothing of what is in it */
export function readSecretFile(path: string, by: string): string {
  try {
    const { size } = statSync(path);
    if (size > SECRET_BYTES_MAX) throw new Error(`it has ${size} bytes, expected <= ${SECRET_BYTES_MAX}`);
    return readFileSync(path, "utf8");
  } catch (error) {
    throw invalid(`Cannot use ${by}: cannot read ${path}: ${messageOf(error)}`);
  }
}

/** Whether other users of the machine may read it. */
export function isReadByOthers(path: string): boolean {
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & OTHERS_READ) !== 0;
}
