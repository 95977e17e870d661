/** Tells an operator when an engine stops taking readings in, and when it goes on. */
import type { Clock } from "../core/clock.ts";
import type { OnNotice } from "../core/notice.ts";
import type { Engine } from "./engine.ts";

/** How often to look, ms: within a second of what /readyz says. */
const LOOK_MS = 500;

/** What makes two texts of one trouble differ. */
const DIGITS = /\d+/g;

/** One line when a trouble begins or becomes another one, and one when it is over. @returns stops */
export function watchTrouble(engine: Pick<Engine, "trouble">, clock: Clock, tell: OnNotice): () => void {
  let told: { readonly kind: string; readonly text: string; readonly since: number } | null = null;
  const look = (): void => {
    const { trouble } = engine;
    const kind = trouble?.replace(DIGITS, "") ?? null;
    if (kind === (told?.kind ?? null)) return;
    if (trouble === null || kind === null) {
      if (told !== null)
        tell(
          `readings are taken in again, after ${Math.round((clock.steady() - told.since) / 1000)} s; it was: ${told.text}`,
          "trouble-ended",
        );
      told = null;
      return;
    }
    told = { kind, text: trouble, since: told?.since ?? clock.steady() };
    tell(`no readings are taken in: ${trouble}`, "trouble-began");
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
