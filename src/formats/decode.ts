/** Records → readings: each record goes to the format its first byte names. The pipeline's first step; never throws, whatever the bytes. */
import { RECORD_BYTES_MAX } from "../core/limits.ts";
import { Readings } from "../core/readings.ts";
import { ABSENT, Records } from "../core/records.ts";
import { bareNumber, isSpace } from "./bare-number.ts";
import { Batch, type DecodeContext, type Format, type FormatDecoder } from "./format.ts";
import { json } from "./json/json.ts";

/** Every format there is; the last claims what the others leave. */
const FORMATS: readonly Format[] = [json, bareNumber];

/** By first byte, the format's place in FORMATS. */
const formatOf = new Uint8Array(256).fill(FORMATS.length - 1);
FORMATS.forEach((format, index) => {
  for (const byte of format.firstBytes ?? []) formatOf[byte] = index;
});

/** Decodes the records of one sensor, and learns from them how to do it faster. One per sensor; not for use from inside itself. */
export class Decoder {
  readonly #batch: Batch;
  /** By place in FORMATS: those that were needed so far. A topic is mostly of one format, and a decoder is a few KB. */
  readonly #decoders: (FormatDecoder | undefined)[] = FORMATS.map(() => undefined);

  constructor(context: DecodeContext) {
    this.#batch = new Batch(context, new Records(0), new Readings(0));
  }

  /** Fills row i of `readings` from record i: an accepted reading, or a rejection's index. O(bytes), no object a row but the text of an explicit id. */
  decode(records: Records, readings: Readings): void {
    const batch = this.#batch;
    batch.begin(records, readings);
    for (let row = 0; row < records.count; ) {
      const start = records.valueStart[row];
      const end = records.valueEnd[row];
      if (start !== ABSENT && end - start > RECORD_BYTES_MAX) {
        batch.refuse(row++, "record-too-large");
        continue;
      }
      let at = start;
      while (at < end && isSpace(batch.bytes[at])) at++;
      if (start === ABSENT || at >= end) batch.refuse(row++, "empty");
      else row = this.#decoderOf(formatOf[batch.bytes[at]]).decode(row);
    }
  }

  #decoderOf(format: number): FormatDecoder {
    return (this.#decoders[format] ??= FORMATS[format].create(this.#batch));
  }
}

export function createDecoder(context: DecodeContext): Decoder {
  return new Decoder(context);
}
