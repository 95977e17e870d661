/** Maps of known devices, to be named by `like`: nothing that could not stand in a configuration file. */
import { TidemarkError } from "../../core/errors.ts";
import { didYouMean, nearest } from "../../core/nearest.ts";
import presets from "./presets.json" with { type: "json" };

/** By name. */
export const PRESETS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = presets;

/** A preset as it would stand in a configuration file. @throws TidemarkError "config-invalid" when there is none of that name */
export function presetText(name: string): string {
  const names = Object.keys(PRESETS);
  if (Object.hasOwn(PRESETS, name)) return JSON.stringify({ name, ...PRESETS[name] }, null, 2);
  const expected = `one of ${names.join(", ")}${didYouMean(nearest(name, names))}`;
  throw new TidemarkError("config-invalid", `Cannot print the preset "${name}": expected ${expected}`);
}
