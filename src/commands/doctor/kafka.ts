/** The Kafka that is followed: whether it is reached, and which topics it has. */
import type { DoctorConfig } from "../../config/doctor-config.ts";
import { shownTarget } from "../../config/values.ts";
import { messageOf } from "../../core/errors.ts";
import { openKafka } from "../sensor.ts";
import { type Finding, failure, ok, warning } from "./finding.ts";

/** A Kafka that is well says its topics in milliseconds; far away, in a second. */
const ANSWER_MS_MAX = 10_000;

/** Names of topics in a line. */
const NAMES_SHOWN = 10;

/** Nothing where the log is a local one. */
export async function checkKafka({ config }: DoctorConfig): Promise<Finding[]> {
  const { log, sensors, topics, createTopics } = config;
  if (log.kind !== "kafka") return [];
  let names: readonly string[];
  try {
    names = await within(async () => {
      const kafka = await openKafka(log);
      try {
        return await kafka.topics();
      } finally {
        await kafka.close();
      }
    });
  } catch (error) {
    const advice = "look whether it runs there, its listeners, and user and password; --log names another";
    return [failure("kafka", `${shownTarget(log)}: ${messageOf(error)}`, advice)];
  }
  const findings = [ok("kafka", `${shownTarget(log)} answers, with ${names.length} topics`)];
  const wanted = sensors ?? [];
  const missing = wanted.filter((name) => !names.includes(name));
  const followed =
    topics === null
      ? wanted.filter((name) => names.includes(name))
      : names.filter((name) => topics.include.test(name) && topics.exclude?.test(name) !== true);
  if (followed.length > 0) findings.push(ok("topics", `followed: ${listed(followed)}`));
  if (missing.length > 0 && !createTopics) {
    findings.push(
      warning(
        "topics",
        `not there: ${listed(missing)}`,
        "create them, or --create-topics has them made; --sensors or --topics names others",
      ),
    );
  }
  if (topics !== null && followed.length === 0) {
    findings.push(
      warning("topics", `none matches --topics; there are ${listed(names)}`, "a pattern must match whole names"),
    );
  }
  return findings;
}

function listed(names: readonly string[]): string {
  return (
    names.slice(0, NAMES_SHOWN).join(", ") +
    (names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : "")
  );
}

async function within<T>(work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_MS_MAX / 1000} s`)), ANSWER_MS_MAX);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
