/** Faults of a Kafka: turns the client library's errors and the protocol's codes into `TidemarkError`s. */
import { type ErrorCode, TidemarkError } from "../../core/errors.ts";

/** Protocol error codes that are treated in their own way (Kafka protocol, "Error Codes"); every other one is tried again. */
export const NONE = 0;
export const OFFSET_OUT_OF_RANGE = 1;
export const CORRUPT_MESSAGE = 2;
export const UNKNOWN_TOPIC_OR_PARTITION = 3;
export const INVALID_TOPIC = 17;
export const TOPIC_AUTHORIZATION_FAILED = 29;
/** The batch is stored already. */
export const DUPLICATE_SEQUENCE_NUMBER = 46;
/** Sequence out of order, invalid epoch, unknown producer: the leader does not know what this producer wrote last. */
export const PRODUCER_STATE_LOST: ReadonlySet<number> = new Set([45, 47, 59]);

const UNKNOWN_AUTHORITY = "is of no authority that is known here (--kafka-ca names one)";

/** By the protocol's name, or the library's code where there is none: what trying again does not change. */
const CODE_BY_ID: Readonly<Record<string, ErrorCode>> = {
  MESSAGE_TOO_LARGE: "record-too-large",
  RECORD_LIST_TOO_LARGE: "record-too-large",
  UNKNOWN_TOPIC_OR_PARTITION: "topic-missing",
  UNKNOWN_TOPIC_ID: "topic-missing",
  TOPIC_AUTHORIZATION_FAILED: "log-refused",
  GROUP_AUTHORIZATION_FAILED: "log-refused",
  CLUSTER_AUTHORIZATION_FAILED: "log-refused",
  SASL_AUTHENTICATION_FAILED: "log-refused",
  UNSUPPORTED_SASL_MECHANISM: "log-refused",
  UNSUPPORTED_VERSION: "log-refused",
  INVALID_TOPIC_EXCEPTION: "log-refused",
  INVALID_PARTITIONS: "log-refused",
  INVALID_REPLICATION_FACTOR: "log-refused",
  INVALID_CONFIG: "log-refused",
  INVALID_RECORD: "log-refused",
  INVALID_TIMESTAMP: "log-refused",
  POLICY_VIOLATION: "log-refused",
  PLT_KFK_AUTHENTICATION: "log-refused",
  PLT_KFK_UNSUPPORTED_API: "log-refused",
  PLT_KFK_USER: "log-refused", // "Broker requires TLS", "TLS handshake failed"
};

/** What makes a broker's certificate unusable, by Node's code. */
const CERTIFICATE_FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "is for other names",
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
};

/** One error without others in it: its protocol or library code, and its text. */
interface InnerError {
  readonly id: string;
  readonly text: string;
}

/** The library wraps errors in errors (`errors`, `cause`): the innermost ones say what happened. */
function* leaves(error: unknown): Generator<InnerError> {
  if (!(error instanceof Error)) {
    yield { id: "", text: String(error) };
    return;
  }
  const id =
    "apiId" in error && typeof error.apiId === "string" ? error.apiId : "code" in error ? String(error.code) : "";
  const inner = "errors" in error && Array.isArray(error.errors) ? error.errors : [];
  if (inner.length > 0) {
    for (const one of inner) yield* leaves(one);
  } else if (error.cause instanceof Error) {
    const causes = [...new Set([...leaves(error.cause)].map((leaf) => leaf.id || leaf.text))];
    yield { id, text: `${error.message.replace(/\.$/, "")} (${causes.join(", ")})` };
    yield* [...leaves(error.cause)].filter((leaf) => leaf.id in CODE_BY_ID).map((leaf) => ({ ...leaf, text: "" }));
  } else {
    yield { id, text: id === "" || error.message.includes(id) ? error.message : `${error.message} (${id})` };
  }
}

/** The reasons in an error of the library, each once. */
export function reasonOf(error: unknown): string {
  return [...new Set([...leaves(error)].map((leaf) => leaf.text.replace(/\.$/, "")))]
    .filter((text) => text !== "")
    .join("; ");
}

/**
 * The operating error behind an error of the library; what can be tried again is "log-unreachable".
 * @param doing what could not be done to what: `append to "temperature"`
 */
export function operatingError(doing: string, error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  let code: ErrorCode = "log-unreachable";
  for (const leaf of leaves(error)) {
    code = /^Unknown topic /.test(leaf.text) ? "topic-missing" : (CODE_BY_ID[leaf.id] ?? code);
  }
  return new TidemarkError(code, `Cannot ${doing}: ${reasonOf(error)}`, error);
}

/**
 * What is wrong with TLS, while opening: to whoever starts it it is a mistake. Later it is one of the broker, that may pass. Null: something else is.
 * @param isTls whether we speak it
 */
export function openingFault(doing: string, error: unknown, isTls: boolean): TidemarkError | null {
  if (!(error instanceof Error)) return null;
  const code = "code" in error ? String(error.code) : "";
  const inner: readonly unknown[] = "errors" in error && Array.isArray(error.errors) ? error.errors : [error.cause];
  const fault = CERTIFICATE_FAULTS[code];
  if (fault !== undefined) {
    const more = error.message.includes("altnames") ? ` (${error.message})` : "";
    return new TidemarkError("log-refused", `Cannot ${doing}: the certificate ${fault}${more}`, error);
  }
  const found = inner.map((one) => openingFault(doing, one, isTls)).find((one) => one !== null) ?? null;
  if (found !== null || isTls || code !== "PLT_KFK_AUTHENTICATION" || /SASL_/.test(reasonOf(error))) return found;
  // A listener of TLS takes our first bytes for none of its own, and ends the connection.
  const text = `Cannot ${doing}: the connection ended before it was known who we are; does it speak TLS? (--kafka-ca, or ?tls=true)`;
  return new TidemarkError("log-refused", text, error);
}
