/** `alerts` of the configuration file: rules by name, and targets by name, which src/delivery/ reads. */
import { didYouMean, nearest } from "../core/nearest.ts";
import { refusing } from "./rule-spec.ts";

/** What the configuration says of alerts. */
export interface AlertsGiven {
  readonly file: string;
  /** undefined: nothing. */
  readonly alerts: unknown;
}

const KEYS = ["rules", "targets"];

/** Both by name, each still to be read. @throws TidemarkError "config-invalid" */
export function readAlertsPart({ file, alerts = {} }: AlertsGiven): {
  readonly rules: Readonly<Record<string, unknown>>;
  readonly targets: Readonly<Record<string, unknown>>;
} {
  const refuse = refusing("config-invalid", `in ${file}`);
  const objectAt = (path: string, value: unknown, example: string): Readonly<Record<string, unknown>> => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(path, example, value);
    return { ...value };
  };
  const fields = objectAt("alerts", alerts, 'an object such as {"rules":{…},"targets":{…}}');
  for (const key of Object.keys(fields)) {
    if (!KEYS.includes(key)) refuse("alerts", KEYS.join(" and "), key, didYouMean(nearest(key, KEYS)));
  }
  return {
    rules: objectAt("alerts/rules", fields["rules"] ?? {}, 'rules by name such as {"frost":{"sensor":"attic",…}}'),
    targets: objectAt("alerts/targets", fields["targets"] ?? {}, 'targets by name such as {"ops":{"webhook":…}}'),
  };
}
