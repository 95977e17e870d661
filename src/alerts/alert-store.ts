/**
 * The file of the alerts: rules of the API, how far each rule is judged, alerts, what is to be judged again, and what waits for delivery.
 * docs/formats/alerts.md. A transaction survives a `kill -9`; `sync` makes all of them survive a power loss, too.
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { messageOf, TidemarkError } from "../core/errors.ts";
import type { Window } from "../core/window.ts";
import { type Alert, type Owner, REASONS } from "./alert.ts";
import { AlertFile } from "./alert-file.ts";

/** What waits for one target; past it the oldest are dropped, and counted: what is newest says how things are. */
const WAITING_MAX = 10_000;

const TABLES = `
  CREATE TABLE IF NOT EXISTS rule(
    name TEXT PRIMARY KEY, given TEXT NOT NULL, is_configured INTEGER NOT NULL, version TEXT NOT NULL,
    begin INTEGER NOT NULL, judged INTEGER NOT NULL, settled INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS alert(
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, rule TEXT NOT NULL, version TEXT NOT NULL,
    sensor TEXT NOT NULL, device TEXT, start INTEGER NOT NULL, raised INTEGER NOT NULL, ended INTEGER, value REAL NOT NULL,
    revision INTEGER NOT NULL, told REAL NOT NULL, taken_back REAL, replaces TEXT, replaced_by TEXT, reason TEXT);
  CREATE INDEX IF NOT EXISTS alert_of ON alert(rule, version, sensor, device, ended);
  CREATE INDEX IF NOT EXISTS alert_on ON alert(number) WHERE ended IS NULL AND taken_back IS NULL;
  CREATE TABLE IF NOT EXISTS dirty(sensor TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS delivery(
    target TEXT NOT NULL, number INTEGER NOT NULL, event TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY(target, number)) WITHOUT ROWID;`;

/** How far a rule is judged; seconds. */
export interface RuleRow {
  readonly name: string;
  /** JSON. */
  readonly given: string;
  readonly isConfigured: boolean;
  readonly version: string;
  /** The first instant. */
  readonly begin: number;
  /** The last instant that was judged. */
  readonly judged: number;
  /** Up to here alerts stay as they are, as older ones were dropped. */
  readonly settled: number;
}

/** Which alerts to list, the newest first. */
export interface AlertQuery {
  readonly state?: "on" | "ended" | "taken-back";
  readonly rule?: string;
  readonly sensor?: string;
  /** The number of the last one of the part before. */
  readonly after?: number;
  readonly limit: number;
}

/** What waits for a target. */
export interface Delivery {
  readonly number: number;
  /** The id of the event. */
  readonly event: string;
  /** JSON. */
  readonly body: string;
}

/** The rows of the file. One connection, one thread. */
export class AlertStore {
  readonly #file: AlertFile;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #waiting = new Map<string, number>();
  #kept: number;
  #on: number;
  /** Deliveries that were dropped as too many waited, since the start. */
  dropped = 0;

  private constructor(file: AlertFile) {
    this.#file = file;
    this.#db = file.db;
    const count = (sql: string) => Number(this.#get(sql)?.["n"] ?? 0);
    this.#kept = count("SELECT count(*) AS n FROM alert");
    this.#on = count("SELECT count(*) AS n FROM alert WHERE ended IS NULL AND taken_back IS NULL");
    for (const { target, n } of this.#all("SELECT target, count(*) AS n FROM delivery GROUP BY target")) {
      this.#waiting.set(String(target), Number(n));
    }
  }

  /** @throws TidemarkError "data-dir-unusable" */
  static open(directory: string): AlertStore {
    return new AlertStore(AlertFile.open(directory, TABLES));
  }

  /** What was found not as it was written: a sentence each, for the operator. */
  get notices(): readonly string[] {
    return this.#file.notices;
  }

  /** Alerts that are kept, and those that are on. */
  get counts(): { readonly kept: number; readonly on: number } {
    return { kept: this.#kept, on: this.#on };
  }

  /** What waits for the target. */
  waiting(target: string): number {
    return this.#waiting.get(target) ?? 0;
  }

  /** All of it or nothing. @throws TidemarkError "disk-full" */
  write(work: () => void): void {
    const before = [this.#kept, this.#on, [...this.#waiting]] as const;
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      work();
      this.#db.exec("COMMIT");
      this.#file.wrote();
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      [this.#kept, this.#on] = before;
      this.#waiting.clear();
      for (const [target, count] of before[2]) this.#waiting.set(target, count);
      if (!/full|ENOSPC|disk I\/O|locked/.test(messageOf(error))) throw error;
      throw new TidemarkError("disk-full", `Cannot write the alerts: ${messageOf(error)}`, error);
    }
  }

  /** Resolves when what was written is on disk. @throws TidemarkError "disk-full" */
  sync(): Promise<void> {
    return this.#file.sync();
  }

  /** The same, at once. @throws TidemarkError "disk-full" */
  syncNow(): void {
    this.#file.syncNow();
  }

  rules(): RuleRow[] {
    return this.#all("SELECT * FROM rule ORDER BY name").map((row) => ({
      name: String(row["name"]),
      given: String(row["given"]),
      isConfigured: row["is_configured"] === 1,
      version: String(row["version"]),
      begin: Number(row["begin"]),
      judged: Number(row["judged"]),
      settled: Number(row["settled"]),
    }));
  }

  putRule({ name, given, isConfigured, version, begin, judged, settled }: RuleRow): void {
    const values = [name, given, Number(isConfigured), version, begin, judged, settled];
    this.#run("INSERT OR REPLACE INTO rule VALUES(?, ?, ?, ?, ?, ?, ?)", ...values);
  }

  deleteRule(name: string): void {
    this.#run("DELETE FROM rule WHERE name=?", name);
  }

  judged(name: string, judged: number, settled: number): void {
    this.#run("UPDATE rule SET judged=?, settled=? WHERE name=?", judged, settled, name);
  }

  /** Those that stand and end at `second` or later, by `from`. */
  known({ rule, version, sensor, device }: Owner, second: number): Alert[] {
    const of = "SELECT * FROM alert WHERE rule=? AND version=? AND sensor=? AND device IS ? AND taken_back IS NULL";
    const sql = `${of} AND ended>=? UNION ALL ${of} AND ended IS NULL`;
    const owner = [rule, version, sensor, device];
    return this.#all(sql, ...owner, second, ...owner)
      .map(alertOf)
      .sort((a, b) => a.from - b.from);
  }

  /** Whose alerts there are, of a rule's version. */
  subjects(rule: string, version: string): { readonly sensor: string; readonly device: string | null }[] {
    return this.#all("SELECT DISTINCT sensor, device FROM alert WHERE rule=? AND version=?", rule, version).map(
      ({ sensor, device }) => ({ sensor: String(sensor), device: device === null ? null : String(device) }),
    );
  }

  /** What was found of a sensor is of it under its other name. */
  rename(rule: string, version: string, before: string, now: string): void {
    this.#run("UPDATE alert SET sensor=? WHERE rule=? AND version=? AND sensor=?", now, rule, version, before);
  }

  /** Those of a rule's version that are on. */
  on(rule: string, version: string): Alert[] {
    const sql =
      "SELECT * FROM alert WHERE rule=? AND version=? AND ended IS NULL AND taken_back IS NULL ORDER BY number";
    return this.#all(sql, rule, version).map(alertOf);
  }

  find(id: string): Alert | null {
    const row = this.#get("SELECT * FROM alert WHERE id=?", id);
    return row === undefined ? null : alertOf(row);
  }

  list({ state, rule, sensor, after, limit }: AlertQuery): Alert[] {
    const conditions: string[] = [];
    const values: (string | number)[] = [];
    if (state === "on") conditions.push("ended IS NULL AND taken_back IS NULL");
    if (state === "ended") conditions.push("ended IS NOT NULL AND taken_back IS NULL");
    if (state === "taken-back") conditions.push("taken_back IS NOT NULL");
    const own = { rule, sensor };
    for (const [column, value] of Object.entries(own)) {
      if (value === undefined) continue;
      conditions.push(`${column}=?`);
      values.push(value);
    }
    if (after !== undefined) {
      conditions.push("number<?");
      values.push(after);
    }
    const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    return this.#all(`SELECT * FROM alert ${where} ORDER BY number DESC LIMIT ?`, ...values, limit).map(alertOf);
  }

  /** Adds an alert, or replaces what was known of it. @returns it with its number */
  put(alert: Omit<Alert, "number">): Alert {
    const before = this.find(alert.id);
    const isOn = (of: Omit<Alert, "number">) => Number(of.ended === null && of.takenBackMs === null);
    this.#on += isOn(alert) - (before === null ? 0 : isOn(before));
    const { rule, version, sensor, device, from, raised, ended, value, revision, toldMs, takenBackMs } = alert;
    const values = [rule, version, sensor, device, from, raised, ended, value, revision, toldMs, takenBackMs];
    const rest = [alert.replaces, alert.replacedBy, alert.reason];
    if (before === null) {
      const columns = "rule, version, sensor, device, start, raised, ended, value, revision, told, taken_back";
      const all = `${columns}, replaces, replaced_by, reason, id`;
      const sql = `INSERT INTO alert(${all}) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
      this.#kept++;
      return { ...alert, number: this.#run(sql, ...values, ...rest, alert.id) };
    }
    this.#run(
      `UPDATE alert SET rule=?, version=?, sensor=?, device=?, start=?, raised=?, ended=?, value=?, revision=?, told=?, taken_back=?,
       replaces=?, replaced_by=?, reason=? WHERE id=?`,
      ...values,
      ...rest,
      alert.id,
    );
    return { ...alert, number: before.number };
  }

  /** Deletes the oldest that are not on. @returns the last instant of those of each rule */
  drop(count: number): ReadonlyMap<string, number> {
    const old = "SELECT number FROM alert WHERE ended IS NOT NULL OR taken_back IS NOT NULL ORDER BY number LIMIT ?";
    const rows = this.#all(
      `SELECT rule, max(coalesce(ended, raised)) AS ended FROM alert WHERE number IN (${old}) GROUP BY rule`,
      count,
    );
    this.#kept -= Number(this.#all(old, count).length);
    this.#run(`DELETE FROM alert WHERE number IN (${old})`, count);
    return new Map(rows.map(({ rule, ended }) => [String(rule), Number(ended)]));
  }

  dirty(): ({ readonly sensor: string } & Window)[] {
    return this.#all("SELECT * FROM dirty").map((row) => ({
      sensor: String(row["sensor"]),
      start: Number(row["start"]),
      end: Number(row["end"]),
    }));
  }

  replaceDirty(all: Iterable<{ readonly sensor: string } & Window>): void {
    this.#run("DELETE FROM dirty");
    for (const { sensor, start, end } of all) this.#run("INSERT INTO dirty VALUES(?, ?, ?)", sensor, start, end);
  }

  /** Puts an event behind all others of the target. */
  addDelivery(target: string, event: string, body: string): void {
    const waiting = this.waiting(target);
    if (waiting >= WAITING_MAX) {
      this.#run(
        "DELETE FROM delivery WHERE target=? AND number=(SELECT min(number) FROM delivery WHERE target=?)",
        target,
        target,
      );
      this.dropped++;
    } else this.#waiting.set(target, waiting + 1);
    const next = "SELECT coalesce(max(number), 0) + 1 FROM delivery WHERE target=?";
    this.#run(`INSERT INTO delivery VALUES(?, (${next}), ?, ?)`, target, target, event, body);
  }

  /** What has waited longest for the target; null: nothing. */
  nextDelivery(target: string): Delivery | null {
    const row = this.#get("SELECT * FROM delivery WHERE target=? ORDER BY number LIMIT 1", target);
    if (row === undefined) return null;
    return { number: Number(row["number"]), event: String(row["event"]), body: String(row["body"]) };
  }

  /** It was delivered. */
  delivered(target: string, number: number): void {
    this.write(() => {
      if (this.#changes("DELETE FROM delivery WHERE target=? AND number=?", target, number) === 0) return;
      this.#waiting.set(target, this.waiting(target) - 1);
    });
  }

  /** Forgets what waits for targets that there are no more. @returns how many */
  forgetOthers(targets: readonly string[]): number {
    const gone = [...this.#waiting.keys()].filter((target) => !targets.includes(target));
    for (const target of gone) {
      this.#run("DELETE FROM delivery WHERE target=?", target);
      this.dropped += this.waiting(target);
      this.#waiting.delete(target);
    }
    return gone.length;
  }

  close(): void {
    this.#file.syncNow();
    this.#file.close();
  }

  #statement(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#db.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #get(sql: string, ...values: (string | number | null)[]): Record<string, SQLOutputValue> | undefined {
    return this.#statement(sql).get(...values);
  }

  #all(sql: string, ...values: (string | number | null)[]): Record<string, SQLOutputValue>[] {
    return this.#statement(sql).all(...values);
  }

  #run(sql: string, ...values: (string | number | null)[]): number {
    return Number(this.#statement(sql).run(...values).lastInsertRowid);
  }

  #changes(sql: string, ...values: (string | number | null)[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }
}

function alertOf(row: Record<string, SQLOutputValue>): Alert {
  const text = (column: string) => (typeof row[column] === "string" ? row[column] : null);
  const number = (column: string) => (typeof row[column] === "number" ? row[column] : null);
  const reason = text("reason");
  return {
    id: text("id") ?? "",
    number: number("number") ?? 0,
    rule: text("rule") ?? "",
    version: text("version") ?? "",
    sensor: text("sensor") ?? "",
    device: text("device"),
    from: number("start") ?? 0,
    raised: number("raised") ?? 0,
    ended: number("ended"),
    value: number("value") ?? 0,
    revision: number("revision") ?? 0,
    toldMs: number("told") ?? 0,
    takenBackMs: number("taken_back"),
    replaces: text("replaces"),
    replacedBy: text("replaced_by"),
    reason: REASONS.find((each) => each === reason) ?? null,
  };
}
