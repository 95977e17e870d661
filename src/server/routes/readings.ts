/** `POST /readings/{sensor}`: a body of readings → the log. Answered when they are durable. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { TidemarkError } from "../../core/errors.ts";
import { NAME_BYTES_MAX } from "../../core/limits.ts";
import { type ReadingsLog, recordsOfBody } from "../../doors/body.ts";
import { type LookInto, lookInSlices } from "../../doors/records-found.ts";
import type { Engine } from "../../engine/engine.ts";
import type { BodyBudget } from "../body-budget.ts";
import { takeBodies } from "../body-reader.ts";
import { PROBLEMS_SHOWN_MAX, READINGS_BODY_BYTES_MAX, READINGS_PER_BODY_MAX } from "../limits.ts";
import { RequestError } from "../problem.ts";
import { NUMBERS, READINGS } from "../reading-schema.ts";
import { describe, NATURAL, OF_APPENDING, objectOf, TEXT } from "../route-schema.ts";

const READINGS_PATH = "/readings/:sensor";

/** Names the device of all readings of a request that do not name one themselves: it becomes the key of their records. */
const DEVICE_HEADER = "tidemark-device";

/** A form's first field has a shorter name than this, and a multipart body a shorter first line, bytes. */
const FIELD_NAME_BYTES_MAX = 256;
const DASH = 0x2d;
/** The first part of a multipart body, whatever its type says. */
const PART = /^--[^\r\n]+\r?\ncontent-/i;

/** What the route needs. */
export interface ReadingsOptions {
  readonly engine: Pick<Engine, "sensors" | "refusal" | "admit" | "topicOf">;
  readonly log: ReadingsLog;
  readonly budget: BodyBudget;
  /** Absent: bodies are appended unseen. */
  readonly lookInto?: LookInto | undefined;
}

const LINES = [
  '{"sequence":1,"value":20.5,"time":"2020-01-13T15:12:00Z"}',
  '{"sequence":2,"value":21.25,"time":"2020-01-13T15:12:01Z"}',
  '{"sequence":3,"value":22,"time":"2020-01-13T15:12:02Z"}',
];

const SCHEMA = describe({
  group: "Readings",
  role: "write",
  summary: "Appends readings to the log; answered when they are durable",
  params: objectOf({ sensor: { ...TEXT, description: "whose readings they are" } }),
  headers: {
    "Tidemark-Device": {
      ...TEXT,
      minLength: 1,
      maxLength: NAME_BYTES_MAX,
      description: "the device of readings that name none",
    },
  },
  bytes: {
    "application/json": READINGS,
    "application/x-ndjson": { ...TEXT, description: "a reading a line" },
    "text/plain": NUMBERS,
  },
  answer: objectOf(
    {
      appended: { ...NATURAL, description: "readings that are in the log" },
      rejected: { ...NATURAL, description: "what is no reading: also in the log, and listed under /rejections" },
      problems: {
        type: "array",
        maxItems: PROBLEMS_SHOWN_MAX,
        items: objectOf({ line: NATURAL, code: TEXT, reason: TEXT }),
      },
    },
    ["rejected", "problems"],
  ),
  errors: ["not-found", "too-many-sensors", "log-full", ...OF_APPENDING],
  examples: {
    number: { summary: "A number", parameters: { sensor: "pressure" }, body: 1013.2, answer: { appended: 1 } },
    reading: {
      summary: "A reading with its time and an identity",
      parameters: { sensor: "humidity" },
      body: { device: "cellar", boot: "a", sequence: 1, value: 48, time: "2020-01-13T15:12:00Z" },
      answer: { appended: 1 },
    },
    lines: {
      summary: "Several, one a line",
      parameters: { sensor: "temperature", "Tidemark-Device": "cellar" },
      type: "application/x-ndjson",
      body: `${LINES.join("\n")}\n`,
      answer: { appended: 3 },
    },
  },
});

/** One request is one append: all of it becomes durable, or the answer says that it did not. */
export function registerReadings(scope: FastifyInstance, { engine, log, budget, lookInto }: ReadingsOptions): void {
  takeBodies(scope, READINGS_BODY_BYTES_MAX, budget);
  type Asked = FastifyRequest<{ Params: { sensor: string }; Body: Buffer }>;
  scope.post(READINGS_PATH, { schema: SCHEMA }, async (request: Asked) => {
    const { sensor } = request.params;
    const what = `Cannot append to "${sensor}"`;
    const refusal = engine.refusal(sensor);
    if (refusal !== null) throw refusal;
    const { [DEVICE_HEADER]: device, "content-type": type } = request.raw.headers;
    const { body } = request;
    if (isForm(type, body)) {
      const called = type === undefined ? "" : ` (${type})`;
      throw new RequestError(415, `${what}: expected JSON, NDJSON or a bare number, was a form${called}`);
    }
    const records = recordsOfBody(sensor, body, deviceKey(what, device), READINGS_PER_BODY_MAX);
    const found = lookInto === undefined ? undefined : await lookInSlices(lookInto, records, PROBLEMS_SHOWN_MAX);
    const problems = found?.faults.map(({ record, at, code, reason }) => {
      return { line: lineOf(body, records[record].value.subarray(at)), code, reason };
    });
    if (found?.readings === 0) {
      const first = problems?.at(0);
      const none =
        first === undefined ? "there is none" : `line ${first.line} is none (${first.code}): ${first.reason}`;
      throw new TidemarkError("request-invalid", `${what}: expected a reading, ${none}`);
    }
    // The first reading of a sensor that was not there: only now, as what is no reading makes none.
    if (engine.sensors.find(sensor)?.followed !== true) await engine.admit(sensor);
    await log.append(engine.topicOf(sensor), records);
    const appended = found?.readings ?? records.length;
    return found === undefined || found.rejected === 0
      ? { appended }
      : { appended, rejected: found.rejected, problems };
  });
}

/** Whether a body is fields of a form, whose values could be taken for readings. `curl --data` calls everything a form: it has to look like one. Parts say what they are. */
function isForm(type: string | undefined, body: Buffer): boolean {
  if (body[0] === DASH && body[1] === DASH && PART.test(body.toString("latin1", 0, FIELD_NAME_BYTES_MAX))) return true;
  if (type === undefined) return false;
  if (/^multipart\//i.test(type)) return true;
  return (
    /^application\/x-www-form-urlencoded\b/i.test(type) &&
    /^[^{["\s]*=/.test(body.toString("latin1", 0, FIELD_NAME_BYTES_MAX))
  );
}

/** The line of a body in which a view of it begins, from 1 on. */
function lineOf(body: Buffer, view: Uint8Array): number {
  let line = 1;
  const start = view.byteOffset - body.byteOffset;
  for (let at = body.indexOf("\n"); at >= 0 && at < start; at = body.indexOf("\n", at + 1)) line++;
  return line;
}

/** The bytes that the client sent: Node gives them as Latin-1. */
function deviceKey(what: string, header: string | string[] | undefined): Buffer | undefined {
  if (header === undefined) return undefined;
  const key = Buffer.from(String(header), "latin1");
  if (key.length >= 1 && key.length <= NAME_BYTES_MAX) return key;
  const wanted = `Tidemark-Device must be 1 to ${NAME_BYTES_MAX} bytes, was ${key.length}`;
  throw new TidemarkError("request-invalid", `${what}: ${wanted}`);
}
