/** The server: whether it answers, lets us in, takes readings in, and what time it has. */
import type { DoctorConfig } from "../../config/doctor-config.ts";
import type { Clock } from "../../core/clock.ts";
import { messageOf, TidemarkError } from "../../core/errors.ts";
import { ageText } from "../../core/figures.ts";
import { type Answer, ask, fieldsOf } from "../client.ts";
import { knownSensors, nameOf } from "../known-sensors.ts";
import { runningServer } from "../run-files.ts";
import { troubleOf } from "../sensors.ts";
import { type Finding, failure, ok, warning } from "./finding.ts";
import { listenerOn } from "./port-owner.ts";

/** A server that is well answers in milliseconds. */
const ANSWER_MS_MAX = 5000;

/** Clocks that differ by less than this are as good as one: a server says its time in whole seconds. */
const CLOCK_MS_WARNED = 2000;
/** From here on readings with our time are held back. */
const CLOCK_MS_FAILING = 300_000;

/** Names of sensors in a line. */
const NAMES_SHOWN = 5;

/** Everything about the server that clients of these settings ask. */
export async function checkServer(config: DoctorConfig, clock: Clock): Promise<Finding[]> {
  const { client } = config;
  let alive: Answer;
  const startedAt = clock.now();
  try {
    alive = await ask(client, "livez", { msMax: ANSWER_MS_MAX });
  } catch (error) {
    return [unreachable(config, error)];
  }
  const endedAt = clock.now();
  const { server } = alive;
  if (fieldsOf(alive.body).get("status") !== "alive") {
    return [
      ...checkPort(config, server),
      failure("server", `what answers at ${server} is no tidemark`, "--url or --port names another"),
    ];
  }
  const findings = [ok("server", `${server} answers within ${Math.max(1, endedAt - startedAt)} ms`)];
  findings.push(...checkPort(config, server), checkClock(alive, startedAt, endedAt), ...(await checkReady(config)));
  return [...findings, ...(await checkSensors(config))];
}

function unreachable({ client, isUrlGiven }: DoctorConfig, error: unknown): Finding {
  const advice = "tidemark start starts one; --url, --port or --data names another";
  const { port } = client;
  const listener = error instanceof TidemarkError && port > 0 ? listenerOn(port) : null;
  const who = listener === null ? "" : `; process ${listener.pid} (${listener.name}) has port ${port}`;
  return (isUrlGiven ? failure : warning)("server", messageOf(error) + who, advice);
}

/** Whose port it is, where that can be told. */
function checkPort({ config }: DoctorConfig, server: string): Finding[] {
  const url = new URL(server);
  const listener = /^(localhost|127\.|\[::1\])/.test(url.hostname) ? listenerOn(Number(url.port)) : null;
  if (listener === null) return [];
  const running = runningServer(config.data);
  const says = `${url.port} is used by process ${listener.pid} (${listener.name})`;
  if (running === null || running.pid === listener.pid) return [ok("port", says)];
  const advice = `the server on ${config.data} is process ${running.pid}: ask it with --data ${config.data}, or --url ${running.url}`;
  return [warning("port", says, advice)];
}

/** Both clocks, as far as whole seconds tell. */
function checkClock({ dateMs }: Answer, startedAt: number, endedAt: number): Finding {
  if (dateMs === null)
    return warning("clock", "the server does not say its time", "a proxy takes the Date header away");
  // The server's clock was within the second that it said, at some moment between both of ours.
  const [ahead, behind] = [dateMs - endedAt, startedAt - (dateMs + 999)];
  const off = Math.max(ahead, behind, 0);
  const says = `${new Date(endedAt).toISOString().slice(0, 19)}Z here, ${off < CLOCK_MS_WARNED ? "the same" : `${ageText(off)} ${ahead > 0 ? "ahead" : "behind"}`} at the server`;
  const advice =
    "set the clock that is wrong (NTP: timedatectl set-ntp true); readings whose clock is impossible are held back";
  if (off >= CLOCK_MS_FAILING) return failure("clock", says, advice);
  return off >= CLOCK_MS_WARNED ? warning("clock", says, advice) : ok("clock", says);
}

async function checkReady({ client }: DoctorConfig): Promise<Finding[]> {
  const { status, body } = await ask(client, "readyz", { msMax: ANSWER_MS_MAX, role: "admin" });
  const fields = fieldsOf(body);
  if (status !== 200) {
    const why = String(fields.get("detail") ?? "it does not say why");
    if (/-corrupt$/.test(String(fields.get("code")))) {
      return [failure("readings", why, "look at the disk, and restart the server: it puts right what can be")];
    }
    return [
      failure("readings", `not taken in: ${why}`, "mend that; sensors keep what they have, and questions are answered"),
    ];
  }
  const notices = fields.get("notices");
  const texts: readonly unknown[] = Array.isArray(notices) ? notices : [];
  if (texts.length === 0) return [ok("readings", "taken in")];
  return texts.map((text) => warning("readings", String(text), adviceOf(String(text))));
}

/** What to do about something that is worse than it should be though readings are taken in. */
function adviceOf(notice: string): string {
  if (notice.startsWith("alerts to "))
    return "look at that target, and at `alerts` in tidemark.config.json; what waits is told once it answers";
  if (notice.startsWith("mqtt"))
    return "look at the broker, and at `mqtt` and `mqtt-listen` in tidemark.config.json; it is tried again";
  return "tidemark sensors --sort trouble; tidemark skip reads on behind what is unreadable";
}

/** Whether we are let in, and how the sensors are. */
async function checkSensors({ client }: DoctorConfig): Promise<Finding[]> {
  let sensors: Awaited<ReturnType<typeof knownSensors>>;
  try {
    sensors = await knownSensors(client, { msMax: ANSWER_MS_MAX });
  } catch (error) {
    const advice =
      client.tokens.read === null ? "give its token as TIDEMARK_TOKEN" : "TIDEMARK_TOKEN must be the server's";
    return [failure("token", messageOf(error), advice)];
  }
  const findings = [ok("token", client.tokens.read === null ? "none is asked for" : "the server lets it in")];
  if (sensors.length === 0)
    return [...findings, warning("sensors", "none yet", "tidemark send temperature 21.5 makes one")];
  const odd = sensors.filter((sensor) => troubleOf(sensor).length > 0).map(nameOf);
  const held = sensors.some((sensor) => Number(sensor.get("quarantined")) + Number(sensor.get("rejected")) > 0);
  findings.push(ok("sensors", `${sensors.length}`));
  if (odd.length > 0) {
    const names = odd.slice(0, NAMES_SHOWN).join(", ") + (odd.length > NAMES_SHOWN ? " …" : "");
    findings.push(
      warning("sensors", `something is odd about ${odd.length}: ${names}`, "tidemark sensors --sort trouble says why"),
    );
  }
  if (held)
    findings.push(
      warning("sensors", "readings were not counted", "tidemark quarantine and tidemark rejections list them"),
    );
  return findings;
}
