/** Makes a plan that fails smaller while it fails in the same way: fewer steps, fewer records, then plainer settings. */
import type { Plan, Step } from "./plan.ts";

/** Plans that are tried at most. */
const TRIES = 1500;

/** What went wrong, without the numbers and names of the history it went wrong in. */
function kindOf(fault: string): string {
  const [line] = fault.split("\n", 1);
  return line
    .replace(/^seed .*?: /, "")
    .replaceAll(/"[^"]*"/g, "…")
    .replaceAll(/-?\d+/g, "#")
    .slice(0, 60);
}

/** @param faultOf what goes wrong in a plan; null: nothing */
export async function shrink(
  plan: Plan,
  fault: string,
  faultOf: (plan: Plan) => Promise<string | null>,
): Promise<{ readonly plan: Plan; readonly fault: string; readonly tries: number }> {
  const kind = kindOf(fault);
  let best = plan;
  let text = fault;
  let tries = 0;
  const takes = async (smaller: Plan): Promise<boolean> => {
    if (tries === TRIES) return false;
    tries++;
    const found = await faultOf(smaller);
    if (found === null || kindOf(found) !== kind) return false;
    [best, text] = [smaller, found];
    return true;
  };
  const failedAt = Number(/^seed \d+, \S+, step (\d+) /.exec(fault)?.[1] ?? Number.NaN);
  if (Number.isFinite(failedAt)) await takes({ ...plan, steps: plan.steps.slice(0, failedAt + 1) });
  for (let before = -1; before !== sizeOf(best) && tries < TRIES; ) {
    before = sizeOf(best);
    await withoutParts(best.steps, (steps) => takes({ ...best, steps }));
    for (let i = 0; i < best.steps.length; i++) {
      const step = best.steps[i];
      if (step.do !== "append" || step.records.length < 2) continue;
      const { steps } = best;
      await withoutParts(step.records, (records) => {
        const fewer: Step = { ...step, records: [...records] };
        return takes({ ...best, steps: steps.map((each, at) => (at === i ? fewer : each)) });
      });
    }
    for (const plainer of [{ keepMs: null }, { isTight: false }, { followsAll: true }, { partitions: 1 }]) {
      if (Object.entries(plainer).some(([name, value]) => best[name as keyof Plan] !== value)) {
        await takes({ ...best, ...plainer });
      }
    }
  }
  return { plan: best, fault: text, tries };
}

function sizeOf({ steps, isTight, keepMs, partitions, followsAll }: Plan): number {
  let size = (isTight ? 1 : 0) + (keepMs === null ? 0 : 1) + partitions + (followsAll ? 0 : 1);
  for (const step of steps) size += 1 + (step.do === "append" ? step.records.length : 0);
  return size;
}

/** Leaves parts out, halves first, then smaller ones, as long as what is left is taken. */
async function withoutParts<T>(all: readonly T[], takes: (left: readonly T[]) => Promise<boolean>): Promise<void> {
  let left = all;
  for (let size = Math.ceil(all.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < left.length; ) {
      const fewer = [...left.slice(0, at), ...left.slice(at + size)];
      if (fewer.length < left.length && (await takes(fewer))) left = fewer;
      else at += size;
    }
  }
}
