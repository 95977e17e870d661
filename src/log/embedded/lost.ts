/** What was acknowledged and is not in the log any more: noted in it, so that offsets go on and no record takes the place of another. */
import type { DatabaseSync } from "node:sqlite";
import type { TopicWords } from "./log-ends.ts";
import { integer, text } from "./log-file.ts";

/** Ranges named in a sentence; the rest is counted. */
const NAMED_MAX = 5;

/** Every topic, and where it ends. */
export function* storedTopics(db: DatabaseSync): Generator<TopicWords & { readonly packed: number }> {
  for (const row of db.prepare("SELECT number, name, id, first, packed FROM topic ORDER BY number").all()) {
    const [number, first] = [integer(row["number"]), integer(row["first"])];
    const packed = integer(row["packed"]);
    yield { number, name: text(row["name"]), id: text(row["id"]), first, end: endOf(db, number, first), packed };
  }
}

/** The offset after a topic's newest record, there or lost. @param first the first that it may hold */
function endOf(db: DatabaseSync, topic: number, first: number): number {
  const last = db.prepare("SELECT next FROM batch WHERE topic = ? ORDER BY base DESC LIMIT 1").get(topic);
  const lost = db.prepare("SELECT max(next) AS next FROM lost WHERE topic = ?").get(topic);
  return Math.max(first, integer(last?.["next"] ?? first), integer(lost?.["next"] ?? first));
}

/** Compares where topics end with what was said of them; notes what is gone. @returns a sentence for each topic that lacks records */
export function noteLost(db: DatabaseSync, words: readonly TopicWords[]): string[] {
  const find = db.prepare("SELECT number, id, first FROM topic WHERE name = ?");
  for (const { number, name, id, first, end } of words) {
    const row = find.get(name);
    // A log made anew has other ids.
    if (row !== undefined && text(row["id"]) !== id) continue;
    if (row === undefined) {
      db.prepare("INSERT INTO topic (number, name, id, first, packed) VALUES (?, ?, ?, ?, ?)").run(
        number,
        name,
        id,
        first,
        first,
      );
    }
    const has = endOf(db, integer(row?.["number"] ?? number), integer(row?.["first"] ?? first));
    if (has < end) db.prepare("INSERT INTO lost (topic, start, next) VALUES (?, ?, ?)").run(number, has, end);
  }
  return lostTexts(db);
}

/** What every topic lacks. */
function lostTexts(db: DatabaseSync): string[] {
  const ranges = new Map<string, { start: number; next: number }[]>();
  const rows = db.prepare(
    "SELECT name, start, next FROM lost JOIN topic ON topic = number WHERE next > first ORDER BY topic, start",
  );
  for (const row of rows.all()) {
    const name = text(row["name"]);
    ranges.set(name, [...(ranges.get(name) ?? []), { start: integer(row["start"]), next: integer(row["next"]) }]);
  }
  return Array.from(ranges, ([name, lost]) => {
    const count = lost.reduce((sum, { start, next }) => sum + next - start, 0);
    const named = lost.slice(0, NAMED_MAX).map(({ start, next }) => `${start} to ${next - 1}`);
    const left = lost.length > NAMED_MAX ? ` and ${lost.length - NAMED_MAX} more places` : "";
    const verb = count === 1 ? "record is" : "records are";
    return `"${name}": ${count} acknowledged ${verb} lost, at offsets ${named.join(", ")}${left}`;
  });
}
