/** The rooms of src/ and who may import whom; docs/ARCHITECTURE.md has the same table. */

/** main, app and index: only the bodies of the commands may import them. */
export const ABOVE = "the files above the rooms";

/** A room may import itself and these; the files above the rooms may import all. */
export const ROOMS: Record<string, readonly string[]> = {
  core: [],
  runtime: [],
  metrics: ["core"],
  formats: ["core"],
  store: ["core", "runtime"],
  log: ["core", "store"],
  doors: ["core", "formats", "log"],
  rollups: ["core", "metrics", "store"],
  identity: ["core", "store"],
  engine: ["core", "metrics"],
  alerts: ["core", "engine", "metrics", "store"],
  delivery: ["alerts", "core", "doors"],
  pipeline: ["core", "engine", "formats", "identity", "log", "metrics", "rollups", "store"],
  verify: ["core", "formats", "identity", "log", "metrics", "pipeline", "rollups", "store"],
  server: ["alerts", "core", "doors", "engine", "metrics", "runtime"],
  client: ["core", "metrics"],
  face: ["core"],
  ui: ["client", "core"],
  config: ["core", "metrics"],
  commands: ["core", "config", "doors", "log", "runtime", "store", "ui", "verify", ABOVE],
};
