/** The composition root: wires lock, log, history, pipeline and server into one running tidemark, and takes them down in the right order. */

import { kafkaOptions } from "./config/kafka-settings.ts";
import { isReadByOthers, readSecretFile } from "./config/secret-file.ts";
import { type Config, reloadedFiles, type TlsPaths } from "./config/server-config.ts";
import { readTokens } from "./config/token-settings.ts";
import type { KafkaAddress, LogTarget } from "./config/values.ts";
import { type Clock, systemClock } from "./core/clock.ts";
import { messageOf } from "./core/errors.ts";
import { plural } from "./core/figures.ts";
import type { OnNotice } from "./core/notice.ts";
import { formatMs } from "./core/time.ts";
import { Tokens } from "./core/tokens.ts";
import { openZone } from "./core/zone.ts";
import { AlertDesk } from "./delivery/alert-desk.ts";
import { Doors } from "./doors/doors.ts";
import { createLookInto } from "./doors/look-into.ts";
import { namesShown, type SensorDirectory } from "./engine/directory.ts";
import type { Engine } from "./engine/engine.ts";
import { watchTrouble } from "./engine/trouble-watch.ts";
import { openEmbeddedLog } from "./log/embedded/embedded-log.ts";
import { LogSnapshot } from "./log/embedded/log-snapshot.ts";
import type { Log, ReadableLog } from "./log/log.ts";
import { BOUNDS, type Bounds } from "./pipeline/bounds.ts";
import type { FollowRule } from "./pipeline/following.ts";
import { openHistory } from "./pipeline/made-anew.ts";
import { Pipeline } from "./pipeline/pipeline.ts";
import { State } from "./pipeline/state.ts";
import { growHeapForKafka } from "./runtime/server-flags.ts";
import { watchFiles } from "./runtime/watched-files.ts";
import { createServer } from "./server/server.ts";
import { type TlsFiles, type TlsIdentity, tlsIdentity } from "./server/tls-port.ts";
import { Checkpointer } from "./store/checkpointer.ts";
import { lockDataDirectory } from "./store/data-lock.ts";
import { DiskThread } from "./store/disk-thread.ts";
import { HistoryGuard } from "./store/history-guard.ts";
import { HISTORY_VERSION } from "./store/migrations.ts";

const DAY_MS = 86_400_000;

/** A certificate of 90 days is renewed 30 before its end: with half of that left something is wrong. */
const EXPIRY_DAYS_TOLD = 14;

/** The part of tidemark below the HTTP server: a log followed into a history. */
export interface Core {
  readonly engine: Engine;
  readonly log: Log;
  /** Rejects when a bug ends the pipeline. */
  readonly failed: Promise<never>;
  /** Stops taking in, commits, syncs, closes; idempotent. */
  close(): Promise<void>;
}

/** What works beside the pipeline, and goes down with it. */
interface Beside {
  /** The pipeline is about to close. */
  stop(): Promise<void>;
  /** It is closed. */
  close(): void;
}

/** What the core needs to know of the configuration. */
export type CoreSettings = Pick<
  Config,
  "log" | "data" | "sensors" | "topics" | "createTopics" | "timezone" | "keepMs" | "logRetentionBytes" | "clockAheadMs"
> &
  Partial<Pick<Config, "revisionBytes" | "deviceSeries">>;

/** What a program that opens many gives to each. */
export interface Lent {
  /** In place of the log that the settings name; closed with the core. */
  readonly log?: Log;
  /** Which has a service of its own, and so outlives the core. */
  readonly thread?: DiskThread;
  readonly bounds?: Bounds;
}

/**
 * Opens the data directory and follows the log. @param attach called before anything is read
 * @throws TidemarkError "data-dir-owned", "data-dir-unusable", "history-corrupt", "log-unreachable" and others of opening
 * @example
 * ```ts
 * const { invocation } = loadConfig(["serve", "--sensors", "temperature"], {}, "/");
 * if (invocation.command !== "serve") throw new Error("not serve");
 * const core = await openCore({ ...invocation.config, data: directory });
 * await core.log.append("temperature", [{ value: new TextEncoder().encode("21.5") }]);
 * await core.close();
 * ```
 */
export async function openCore(
  settings: CoreSettings,
  clock: Clock = systemClock,
  onNotice: OnNotice = () => {},
  attach: (engine: Engine) => Beside = () => ({ stop: async () => {}, close: () => {} }),
  lent: Lent = {},
): Promise<Core> {
  const zone = openZone(settings.timezone);
  const undo: (() => Promise<void> | void)[] = [];
  try {
    const lock = lockDataDirectory(settings.data);
    undo.push(() => lock.release());
    const thread = lent.thread ?? new DiskThread();
    if (lent.thread === undefined) {
      await thread.start();
      undo.push(() => thread.close());
    }
    const log = lent.log ?? (await openLog(settings.log, settings, clock, thread));
    undo.push(() => log.close());
    const guard = new HistoryGuard(thread);
    undo.push(() => guard.close());
    const { db, isAnew } = await openHistory(settings.data, log, guard, onNotice);
    undo.push(() => db.close());
    if (db.migratedFrom !== null) {
      onNotice(
        `the history was of version ${db.migratedFrom} and is migrated to version ${HISTORY_VERSION}: an older tidemark opens it no more`,
        "migrated",
      );
    }
    const checkpointer = new Checkpointer(db.file, thread, db.pagesFile);
    undo.push(() => checkpointer.close());
    guard.close();
    const pipeline = new Pipeline({
      state: new State(db, {
        ...(lent.bounds ?? BOUNDS),
        ...(settings.deviceSeries === undefined ? {} : { deviceSeries: settings.deviceSeries }),
      }),
      log,
      checkpointer,
      follow: ruleOf(settings),
      clock,
      zone,
      clockAheadMs: settings.clockAheadMs,
      keepMs: settings.keepMs,
      revisionBytes: settings.revisionBytes,
      onNotice,
    });
    const beside = attach(pipeline);
    undo.push(() => beside.close());
    undo.push(() => pipeline.close());
    undo.push(() => beside.stop());
    // Before it counts as running: the first reading finds its topic, and an unusable log ends the start with its reason.
    await pipeline.start();
    for (const notice of pipeline.notices) onNotice(notice, "notice");
    tellFollowed(pipeline.sensors, onNotice);
    if (isAnew) tellWhenWhole(pipeline, onNotice);
    undo.push(watchTrouble(pipeline, clock, onNotice));
    const close = once(() => unwind(undo));
    return { engine: pipeline, log, failed: pipeline.failed, close };
  } catch (error) {
    await unwind(undo);
    throw error;
  }
}

/** A running tidemark. */
export interface App {
  /** The first address it listens on. */
  readonly address: string;
  readonly port: number;
  /** Resolves when it is closed; rejects when a bug ends it. */
  readonly closed: Promise<void>;
  /** Reads the files of tokens and certificates again, as it does by itself when they change. What cannot be used is a notice, and changes nothing. */
  reload(): void;
  /** Stops taking in, commits, syncs, closes; idempotent. */
  close(): Promise<void>;
}

/**
 * Opens everything and listens.
 * @throws TidemarkError of opening the core, "port-in-use", "address-unusable", "bind-refused"
 * @example
 * ```ts
 * const { invocation } = loadConfig(["serve", "--sensors", "temperature"], {}, "/");
 * if (invocation.command !== "serve") throw new Error("not serve");
 * const app = await openApp({ ...invocation.config, data: directory, port: 0 });
 * assert.equal((await fetch(`http://127.0.0.1:${app.port}/livez`)).status, 200);
 * await app.close();
 * ```
 */
export async function openApp(config: Config, clock: Clock = systemClock, onNotice: OnNotice = () => {}): Promise<App> {
  const tokens = config.tokens.length === 0 ? null : new Tokens(readTokens(config.tokens));
  const readTls = (paths: TlsPaths): TlsIdentity => tlsIdentity(tlsFiles(paths), clock.now());
  let tls = config.tls === null ? null : readTls(config.tls);
  let bug: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    bug = reject;
  });
  failed.catch(() => {});
  const zone = openZone(config.timezone);
  const { promise: desk, resolve: opened } = Promise.withResolvers<AlertDesk>();
  const core = await openCore(config, clock, onNotice, (engine) => {
    const alerts = AlertDesk.open(config, { engine, clock, zone, onBug: bug, onNotice });
    opened(alerts);
    return alerts;
  });
  const alerts = await desk;
  try {
    const doors = new Doors(
      { ...config.doors, listens: config.mqttListen !== null },
      { engine: core.engine, log: core.log, clock, zone, onBug: bug, onNotice },
    );
    const server = await createServer({
      engine: core.engine,
      log: core.log,
      doors,
      alerts,
      clock,
      zone,
      tokens,
      tls,
      requestsPerSecond: config.requestsPerSecond,
      allowAnonymous: config.allowAnonymous,
      publicUrls: config.publicUrls,
      corsOrigins: config.corsOrigins,
      naming: config.influx,
      lookInto: createLookInto(zone),
      onBug: bug,
    });
    const hosts = config.hosts.length === 0 ? undefined : config.hosts;
    const addresses = await server.listen({ hosts, port: config.port });
    try {
      const { listener } = doors;
      await listener?.open({ hosts, port: config.mqttListen ?? 0, tls, admit: server.admit });
    } catch (error) {
      await server.close();
      throw error;
    }
    doors.open();
    alerts.open();
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const reload = (): void => {
      try {
        tokens?.replace(readTokens(config.tokens));
        if (tokens !== null) onNotice(`read the tokens again: ${plural(tokens.all.length, "token")} valid`, "reloaded");
      } catch (error) {
        onNotice(`the tokens stay as they were: ${messageOf(error)}`, "reload-failed");
      }
      if (config.tls === null) return;
      try {
        tls = readTls(config.tls);
        server.renewTls(tls);
        doors.listener?.renewTls(tls);
        onNotice(`read the certificate again: it expires on ${formatMs(tls.expiresMs)}`, "reloaded");
      } catch (error) {
        onNotice(`the certificate stays as it was: ${messageOf(error)}`, "reload-failed");
      }
    };
    if (config.tls !== null && isReadByOthers(config.tls.key)) {
      onNotice(`every user can read the key ${config.tls.key}: chmod 600, or 640 for a group`, "notice");
    }
    const tellExpiry = (): void => {
      const days = tls === null ? Number.POSITIVE_INFINITY : (tls.expiresMs - clock.now()) / DAY_MS;
      const when = days <= 0 ? "has expired: clients refuse it" : `expires in ${days.toFixed(1)} days`;
      if (days < EXPIRY_DAYS_TOLD) onNotice(`the certificate ${config.tls?.cert} ${when}`, "notice");
    };
    tellExpiry();
    const expiry = setInterval(tellExpiry, DAY_MS).unref();
    const unwatch = watchFiles(reloadedFiles(config), reload);
    const close = once(async () => {
      unwatch();
      clearInterval(expiry);
      await Promise.all([doors.close(), server.close()]);
      await core.close();
      end();
    });
    // A bug ends it without a commit: what is in memory cannot be trusted, what was committed can.
    const closed = Promise.race([ended, failed, core.failed]);
    closed.catch(() => {});
    return { address: addresses[0].address, port: addresses[0].port, closed, reload, close };
  } catch (error) {
    await core.close();
    throw error;
  }
}

function tlsFiles({ cert, key }: TlsPaths): TlsFiles {
  return { cert: readSecretFile(cert, "--tls-cert"), key: readSecretFile(key, "--tls-key") };
}

/** The local log is tidemark's own: topics are created with their sensors. In a Kafka only if asked for. */
function ruleOf({ log, sensors, topics, createTopics }: CoreSettings): FollowRule {
  const passes = (name: string): boolean => {
    return topics === null || (topics.include.test(name) && topics.exclude?.test(name) !== true);
  };
  return { sensors, passes, mayCreate: log.kind === "local" || createTopics };
}

/** Those of the start in one line, and later each that is followed, or no more. */
function tellFollowed(sensors: SensorDirectory, onNotice: OnNotice): void {
  if (sensors.size > 0) onNotice(`sensors: ${namesShown(sensors)}`, "following");
  const told = new Set(sensors.list().flatMap(({ name, followed }) => (followed ? name : [])));
  sensors.onChange(({ name, followed }, before) => {
    if (before !== null) told[told.delete(before) ? "add" : "delete"](name);
    if (followed === told.has(name)) return; // one that is added is not followed yet
    if (followed) told.add(name);
    else told.delete(name);
    onNotice(`"${name}" is followed${followed ? "" : " no more"}`, "following");
  });
}

/** The log of a data directory, only to be read, whoever runs on it; null: it has none. @throws TidemarkError of opening it */
export async function openLogToRead(target: LogTarget, directory: string, clock: Clock): Promise<ReadableLog | null> {
  return target.kind === "local" ? LogSnapshot.open(directory) : openKafka(target, clock);
}

/** A history that is made anew holds all that it did once the log is read again. */
function tellWhenWhole(engine: Engine, onNotice: OnNotice): void {
  const stop = engine.onChange(() => {
    if (engine.backlog > 0) return;
    stop();
    onNotice("the history is made anew: it holds all that the log held at the start", "history-whole");
  });
}

async function openLog(target: LogTarget, settings: CoreSettings, clock: Clock, thread: DiskThread): Promise<Log> {
  if (target.kind === "local") {
    return openEmbeddedLog({ directory: settings.data, retentionBytes: settings.logRetentionBytes, clock, thread });
  }
  return openKafka(target, clock);
}

async function openKafka(address: KafkaAddress, clock: Clock): Promise<Log> {
  // Loaded on demand: the client is half of the program's code and 37 MB of memory.
  const { openKafkaLog } = await import("./log/kafka/kafka-log.ts");
  growHeapForKafka(process.execArgv);
  return openKafkaLog({ ...kafkaOptions(address), clock });
}

/** Closes what was opened, last first; all of it, even when one fails. @throws the first failure */
async function unwind(undo: (() => Promise<void> | void)[]): Promise<void> {
  const failures: unknown[] = [];
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

function once(close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | null = null;
  return () => {
    closing ??= close();
    return closing;
  };
}
