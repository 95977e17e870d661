/** Exports that have no docstring yet: no name is added, and it ends empty. */
export const UNDOCUMENTED: ReadonlySet<string> = new Set(["BATCH_HEADER_BYTES", "Ingest", "IngestOptions"]);
