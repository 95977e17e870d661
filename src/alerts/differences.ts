/** What a walk found, beside what was known: alerts that are new, over, otherwise, or were none. */
import { type Alert, type EventKind, idOf, type Owner } from "./alert.ts";
import type { Span, Walked } from "./walk.ts";

/** An alert as it is to be kept, and what is told of it; null: only its value is another. */
interface Difference {
  readonly alert: Omit<Alert, "number">;
  readonly tells: readonly EventKind[];
}

/** @param begin of the walk @param find an alert by its id, also one that was taken back */
export function differencesOf(
  owner: Owner,
  begin: number,
  { spans, stop }: Pick<Walked, "spans" | "stop">,
  known: readonly Alert[],
  nowMs: number,
  find: (id: string) => Alert | null,
): Difference[] {
  const walked = known.filter(
    ({ raised, ended }) => raised <= stop && (raised >= begin || ended === null || ended >= begin),
  );
  const before = new Map(walked.map((alert) => [alert.from, alert]));
  const now = new Set(spans.map(({ from }) => from));
  const wrong = walked.filter(({ from }) => !now.has(from));
  const fresh = spans.filter(({ from }) => !before.has(from));
  const differences = wrong.map((alert): Difference => {
    const instead = fresh.find((span) => meet(span, alert));
    const replacedBy = instead === undefined ? null : idOf(owner, instead.from);
    const taken = { ...alert, takenBackMs: nowMs, replacedBy, revision: alert.revision + 1 };
    return { alert: taken, tells: ["taken-back"] };
  });
  for (const span of spans) {
    const alert = before.get(span.from);
    if (alert === undefined) {
      const first = wrong.find((other) => meet(span, other));
      differences.push(raisedAt(owner, span, first?.id ?? null, nowMs, find));
    } else if (alert.ended !== span.ended) {
      const tells: EventKind[] = [alert.ended === null ? "ended" : "changed"];
      differences.push({ alert: { ...alert, ...span, revision: alert.revision + 1 }, tells });
    } else if (alert.value !== span.value || alert.raised !== span.raised) {
      differences.push({ alert: { ...alert, ...span }, tells: [] });
    }
  }
  return differences.sort((a, b) => a.alert.from - b.alert.from);
}

/** An alert that was taken back before stands again, under its id. */
function raisedAt(
  owner: Owner,
  span: Span,
  replaces: string | null,
  nowMs: number,
  find: (id: string) => Alert | null,
): Difference {
  const id = idOf(owner, span.from);
  const told = find(id);
  const tells: EventKind[] = span.ended === null ? ["raised"] : ["raised", "ended"];
  const revision = (told?.revision ?? 0) + tells.length;
  const { rule, version, sensor, device } = owner;
  const own = { id, rule, version, sensor, device, revision, toldMs: told?.toldMs ?? nowMs };
  return { alert: { ...own, ...span, takenBackMs: null, replaces, replacedBy: null, reason: null }, tells };
}

function meet(a: Span, b: Span): boolean {
  return a.from < (b.ended ?? Number.POSITIVE_INFINITY) && b.from < (a.ended ?? Number.POSITIVE_INFINITY);
}
