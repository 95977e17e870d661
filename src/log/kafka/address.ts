/** The address of a Kafka cluster, and how to connect to it. */
import type { ConnectionOptions } from "@platformatic/kafka";

/** How long one connection attempt may take; a local broker needs one of them, a cluster across a continent 300. */
const CONNECT_MS_MAX = 3000;
/** How long an answer may take before the connection is given up. A fetch waits half a second in the broker. */
const ANSWER_MS_MAX = 15_000;

/** Passed to the client library as it is. */
type KafkaSecurity = Pick<ConnectionOptions, "tls" | "sasl" | "tlsServerName">;

/** A cluster, and the client's name for itself. */
export interface KafkaAddress extends KafkaSecurity {
  /** `host:port` of some brokers of the cluster. */
  readonly bootstrap: readonly string[];
  readonly clientId: string;
}

/** What every connection is made with. */
export function connectionOptions({ bootstrap: _bootstrap, clientId: _clientId, ...security }: KafkaAddress) {
  return { ...security, connectTimeout: CONNECT_MS_MAX, requestTimeout: ANSWER_MS_MAX };
}

/** Where one broker is reached. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** `host:port`; without a port, Kafka's own. */
export function parseAddress(text: string): BrokerAddress {
  const match = /^\[?(.+?)\]?:(\d+)$/.exec(text);
  return match === null ? { host: text, port: 9092 } : { host: match[1], port: Number(match[2]) };
}
