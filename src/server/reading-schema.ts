/** The schema of readings as senders make them (docs/formats/payload.md): what is surely taken; the decoder takes more. */
import { ID_BYTES_MAX, NAME_BYTES_MAX, TIME_MS_MAX, VALUE_MAGNITUDE_MAX, VALUE_MAGNITUDE_MIN } from "../core/limits.ts";
import { NATURAL, type Schema } from "./route-schema.ts";

/** Ten digits look like seconds, and are refused. */
const EPOCH_MS_MIN = 100_000_000_000;

const NUMBER: Schema = {
  title: "Value",
  anyOf: [
    { const: 0 },
    { type: "number", minimum: VALUE_MAGNITUDE_MIN, maximum: VALUE_MAGNITUDE_MAX },
    { type: "number", minimum: -VALUE_MAGNITUDE_MAX, maximum: -VALUE_MAGNITUDE_MIN },
  ],
};

const INTEGER: Schema = { type: "integer", minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };

const nameOf = (minLength: number, maxLength: number): Schema => {
  return { anyOf: [{ type: "string", minLength, maxLength }, INTEGER, { type: "null" }] };
};
const NAME = nameOf(0, NAME_BYTES_MAX);

const OBJECT: Schema = {
  title: "Reading",
  type: "object",
  properties: {
    value: NUMBER,
    time: {
      anyOf: [
        { type: "string", format: "date-time" },
        { type: "integer", minimum: EPOCH_MS_MIN, maximum: TIME_MS_MAX, description: "epoch milliseconds" },
        { type: "null" },
      ],
      description: "when it was measured; without one, when it came",
    },
    device: { ...NAME, description: "what sends; without one, `Tidemark-Device`" },
    boot: { ...NAME, description: "which run of the device, where its sequences begin anew" },
    sequence: {
      anyOf: [{ ...NATURAL, maximum: Number.MAX_SAFE_INTEGER }, { type: "null" }],
      description: "the device's own number of the reading: a copy with the same is not counted again",
    },
    id: { ...nameOf(1, ID_BYTES_MAX), description: "or a name of the reading itself, for the same purpose" },
  },
  required: ["value"],
};

/** One reading as a number or an object, or several. */
export const READINGS: Schema = {
  title: "Readings",
  anyOf: [NUMBER, OBJECT, { type: "array", items: OBJECT, minItems: 1 }],
};

const PLAIN = "-?(0|[1-9][0-9]{0,99})(\\.[0-9]{1,99})?";

/** Numbers, one a line. */
export const NUMBERS: Schema = {
  type: "string",
  pattern: `^${PLAIN}(\\r?\\n${PLAIN})*(\\r?\\n)?$`,
  description: "a number, or one a line",
};
