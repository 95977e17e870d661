/** A PostgreSQL of the bench's own: a fresh cluster on a socket, run by a user that is not root. */
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../harness/child.ts";
import { output, program, Unavailable } from "../../harness/install.ts";
import { Server } from "../../harness/server.ts";

const HOW = "Debian: apt-get install -y postgresql (its programs are enough, no cluster of its own is used)";
const VERSIONS = [18, 17, 16, 15, 14, 13];
const PORT = 5433;
/** A quarter of a small machine, as its documentation advises; everything else is its default, fsync among it. */
const SETTINGS = ["shared_buffers=1GB", "work_mem=64MB", "maintenance_work_mem=256MB", "max_wal_size=2GB"];

export interface Postgres {
  /** Directory of its socket. */
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** It refuses to run as root: then as "postgres" or "nobody". */
function owner(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  for (const user of ["postgres", "nobody"]) {
    const uid = output("id", ["-u", user]);
    const gid = output("id", ["-g", user]);
    if (uid !== null && gid !== null) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Unavailable("PostgreSQL does not run as root, and there is no other user", "run the bench as another user");
}

/** Makes a cluster in `directory` and starts it. @throws Unavailable */
export async function startPostgres(directory: string): Promise<Postgres> {
  const places = VERSIONS.map((version) => `/usr/lib/postgresql/${version}/bin`);
  const initdb = program([...places.map((place) => join(place, "initdb")), "initdb"], HOW);
  const postgres = program([...places.map((place) => join(place, "postgres")), "postgres"], HOW);
  const user = owner();
  const data = join(directory, "data");
  mkdirSync(data, { recursive: true });
  if (user.uid !== undefined && user.gid !== undefined) {
    for (const path of [directory, data]) chownSync(path, user.uid, user.gid);
  }
  const flags = ["-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C"];
  await run({ command: initdb, args: flags, cwd: directory, ...user });
  const settings = [...SETTINGS, "listen_addresses=", `unix_socket_directories=${directory}`, `port=${PORT}`];
  const args = ["-D", data, ...settings.flatMap((setting) => ["-c", setting])];
  const server = new Server({ command: postgres, args, cwd: directory, ...user });
  await server.line(/ready to accept connections/);
  return { host: directory, port: PORT, stop: () => server.stop("SIGINT") };
}
