/** Configuration of `tidemark backup` and `restore`. Under src/config/config.ts. */
import { resolve } from "node:path";
import { dataDirectory } from "./client-config.ts";
import { invalid, type Settings } from "./settings.ts";

/** A data directory, and the folder of its backup; both absolute. */
export interface BackupConfig {
  readonly data: string;
  readonly folder: string;
}

/** @throws TidemarkError "config-invalid" */
export function backupConfig(
  name: "backup" | "restore",
  settings: Settings,
  operands: readonly string[],
  cwd: string,
): BackupConfig {
  const [folder, ...others] = operands;
  if (folder === undefined || others.length > 0) {
    throw invalid(`Cannot ${name}: expected one directory, such as tidemark ${name} ./backup-2026-01-31`);
  }
  return { data: dataDirectory(settings, cwd), folder: resolve(cwd, folder) };
}
