/** `alerts/targets` of the configuration file → where alerts are told, and as whom. */
import { readFileSync } from "node:fs";
import { type Refuse, refusing } from "../alerts/rule-spec.ts";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { didYouMean, nearest } from "../core/nearest.ts";
import { type MqttGiven, type MqttSettings, readMqttSettings } from "../doors/mqtt/mqtt-settings.ts";

/** A webhook, or a topic of a broker. */
export type TargetSettings =
  | {
      readonly kind: "webhook";
      readonly name: string;
      readonly url: URL;
      readonly key: Buffer;
      readonly ca: string | null;
    }
  | { readonly kind: "mqtt"; readonly name: string; readonly broker: MqttSettings; readonly topic: string };

/** Targets: each has a connection. */
const TARGETS_MAX = 20;

/** The start of a secret as standardwebhooks.com has it: the rest is base64. */
const PREFIX = "whsec_";
const KEY_BYTES_MIN = 16;

const WEBHOOK_KEYS = ["webhook", "secret", "secretFile", "ca"];
const MQTT_KEYS = ["mqtt", "topic"];
const TOPIC = "tidemark/alerts";

/** @param doors the broker of the doors, which `"mqtt": true` means @throws TidemarkError "config-invalid" */
export function readTargets(given: Readonly<Record<string, unknown>>, doors: MqttGiven): TargetSettings[] {
  const refuse = refusing("config-invalid", `in ${doors.file}`);
  const names = Object.keys(given);
  if (names.length > TARGETS_MAX) refuse("alerts/targets", `at most ${TARGETS_MAX}`, names.length);
  return names.map((name) => {
    const path = `alerts/targets/${name}`;
    const example = '{"webhook":"https://…","secretFile":…} or {"mqtt":"mqtt://host:1883"}';
    const value = given[name];
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$/.test(name)) {
      return refuse("alerts/targets", "names of 1 to 50 characters of A-Z a-z 0-9 . _ -", name);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(path, example, value);
    const fields: Readonly<Record<string, unknown>> = { ...value };
    const isWebhook = "webhook" in fields;
    if (isWebhook === "mqtt" in fields) return refuse(path, example, Object.keys(fields));
    const keys = isWebhook ? WEBHOOK_KEYS : MQTT_KEYS;
    for (const key of Object.keys(fields)) {
      if (!keys.includes(key)) refuse(path, `the keys ${keys.join(", ")}`, key, didYouMean(nearest(key, keys)));
    }
    return isWebhook ? webhook(name, path, fields, refuse) : broker(name, path, fields, refuse, doors);
  });
}

type Fields = Readonly<Record<string, unknown>>;

function webhook(name: string, path: string, fields: Fields, refuse: Refuse): TargetSettings {
  const address = textOf(fields, "webhook", path, refuse) ?? "";
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    return refuse(`${path}/webhook`, "an address of http or https", "another");
  const file = fileOf(fields, "secretFile", path, refuse)?.trim();
  const secret = textOf(fields, "secret", path, refuse) ?? file;
  if (secret === undefined)
    return refuse(path, "secret or secretFile, with which what is sent is signed", Object.keys(fields));
  const key = secret.startsWith(PREFIX) ? Buffer.from(secret.slice(PREFIX.length), "base64") : Buffer.from(secret);
  if (key.length < KEY_BYTES_MIN) {
    return refuse(
      `${path}/secret`,
      `at least ${KEY_BYTES_MIN} bytes, as they are or in base64 behind ${PREFIX}`,
      `${key.length} bytes`,
    );
  }
  return { kind: "webhook", name, url, key, ca: fileOf(fields, "ca", path, refuse) ?? null };
}

function broker(name: string, path: string, fields: Fields, refuse: Refuse, doors: MqttGiven): TargetSettings {
  const topic = textOf(fields, "topic", path, refuse) ?? TOPIC;
  if (/[+#\0]/.test(topic) || topic.startsWith("$") || Buffer.byteLength(topic) > 1000) {
    return refuse(`${path}/topic`, "a topic without + and #", topic);
  }
  const isOwn = fields["mqtt"] === true;
  if (isOwn && doors.mqtt === undefined)
    return refuse(`${path}/mqtt`, "a broker, as the configuration has no mqtt", true);
  const { mqttUser: _user, mqttPassword: _password, ...rest } = doors;
  const none = { mqttUser: undefined, mqttPassword: undefined };
  try {
    const settings = readMqttSettings(isOwn ? doors : { ...rest, ...none, mqtt: fields["mqtt"] });
    return { kind: "mqtt", name, broker: { ...settings, clientId: `${settings.clientId}-alerts-${name}` }, topic };
  } catch (error) {
    if (isOwn || !(error instanceof TidemarkError)) throw error;
    throw new TidemarkError("config-invalid", error.message.replace('"mqtt', `"${path}/mqtt`), error);
  }
}

function textOf(fields: Fields, key: string, path: string, refuse: Refuse): string | undefined {
  const value = fields[key];
  if (value === undefined || (typeof value === "string" && value !== "")) return value;
  return refuse(`${path}/${key}`, "a text", typeof value);
}

function fileOf(fields: Fields, key: string, path: string, refuse: Refuse): string | undefined {
  const file = textOf(fields, key, path, refuse);
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    return refuse(`${path}/${key}`, `a file that can be read (${messageOf(error)})`, file);
  }
}
