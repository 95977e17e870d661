/** Who we are to a Kafka, and what it is known by: beside its address, so that no address holds a secret. Under src/config/config.ts. */
import { isIP } from "node:net";
import { resolve } from "node:path";
import { readSecretFile } from "./secret-file.ts";
import { invalid, type Settings } from "./settings.ts";
import { type KafkaAddress, type Parsed, parseText } from "./values.ts";

type Target = { readonly kind: "local" } | { readonly kind: "http"; readonly url: URL } | KafkaTarget;
type KafkaTarget = { readonly kind: "kafka" } & KafkaAddress;

/** Reads an address as `parse` does, with the user, the password and the authority of the other settings. */
export const withKafkaAccess =
  <T extends Target>(settings: Settings, cwd: string, parse: (text: string) => Parsed<T>) =>
  (text: string): Parsed<T> => {
    const parsed = parse(withCredentials(text, settings, cwd));
    if (!("value" in parsed) || parsed.value.kind !== "kafka") return parsed;
    const path = settings.optional("kafka-ca", parseText);
    if (path === null) return parsed;
    const ca = readSecretFile(resolve(cwd, path), byOf(settings, "kafka-ca"));
    return { value: { ...parsed.value, tls: true, ca } };
  };

function withCredentials(text: string, settings: Settings, cwd: string): string {
  const user = settings.optional("kafka-user", parseText);
  if (!text.startsWith("kafka://") || text.includes("@") || user === null) return text;
  const password = encodeURIComponent(passwordOf(settings, cwd));
  return text.replace("kafka://", () => `kafka://${encodeURIComponent(user)}:${password}@`);
}

function passwordOf(settings: Settings, cwd: string): string {
  const path = settings.optional("kafka-password-file", parseText);
  if (path === null) return settings.kafkaPassword;
  const by = byOf(settings, "kafka-password-file");
  const password = readSecretFile(resolve(cwd, path), by).replace(/\r?\n$/, "");
  if (password === "" || /[\r\n]/.test(password)) throw invalid(`Cannot use ${by}: expected one line in ${path}`);
  return password;
}

function byOf(settings: Settings, id: "kafka-ca" | "kafka-password-file"): string {
  return settings.given(id)?.by ?? id;
}

/** How the log's Kafka client takes an address. The broker's name is told (SNI), as clusters behind one address need it; an address is none (RFC 6066, 3). */
export function kafkaOptions({ brokers, tls, ca, sasl }: KafkaAddress) {
  const hasNames = !brokers.some((broker) => isIP(broker.replace(/:\d+$/, "").replace(/[[\]]/g, "")) !== 0);
  return {
    bootstrap: brokers,
    ...(tls ? { tls: ca === null ? {} : { ca }, tlsServerName: hasNames } : {}),
    ...(sasl === null ? {} : { sasl: { mechanism: sasl.mechanism, username: sasl.user, password: sasl.password } }),
  };
}
