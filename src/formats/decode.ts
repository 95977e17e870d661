/** Records → readings: each record goes to the format its first byte names. The pipeline's first step; never throws, whatever the bytes. */
import { RECORD_BYTES_MAX } from "../core/limits.ts";
import { Readings } from "../core/readings.ts";
import { ABSENT, Records } from "../core/records.ts";
import { bareNumber } from "./bare-number.ts";
import { Batch, type DecodeContext, type Format, type FormatDecoder } from "./format.ts";
import { influx } from "./influx/influx.ts";
import { json } from "./json/json.ts";
import { trimmedEnd, trimmedStart } from "./trim.ts";

/** Formats by the first bytes of their records. */
export class Formats {
  readonly list: readonly Format[];
  /** By first byte, the format's index in the list. */
  readonly placeOf: Uint8Array;

  /** @param list the last one claims what the others leave */
  constructor(list: readonly Format[]) {
    this.list = list;
    this.placeOf = new Uint8Array(256).fill(list.length - 1);
    for (const [place, { firstBytes }] of list.entries())
      for (const byte of firstBytes ?? []) this.placeOf[byte] = place;
  }
}

/** Every format. */
export const FORMATS = new Formats([json, influx, bareNumber]);

/** Decodes the records of one source, and learns from them to do it faster. One per source; not reentrant. */
export class Decoder {
  readonly #batch: Batch;
  readonly #formats: Formats;
  /** Decoders created so far, by index of their format. A topic is mostly of one format, and a decoder is a few KB. */
  readonly #decoders: (FormatDecoder | undefined)[];

  constructor(context: DecodeContext, formats: Formats) {
    this.#batch = new Batch(context, new Records(0), new Readings(0));
    this.#formats = formats;
    this.#decoders = formats.list.map(() => undefined);
  }

  /**
   * Fills row i of `readings` from record i, and further rows where a record makes more readings: each is an accepted reading, or a
   * rejection's index. O(bytes), no object a row but the text of an explicit id.
   */
  decode(records: Records, readings: Readings): void {
    const batch = this.#batch;
    const { placeOf } = this.#formats;
    batch.begin(records, readings);
    for (let row = 0; row < records.count; ) {
      const start = records.valueStart[row];
      const end = records.valueEnd[row];
      if (start !== ABSENT && end - start > RECORD_BYTES_MAX) {
        batch.reject(row++, "record-too-large");
        continue;
      }
      const at = start === ABSENT ? end : trimmedStart(batch.bytes, start, end);
      if (start === ABSENT || trimmedEnd(batch.bytes, at, end) === at) batch.reject(row++, "empty");
      else row = this.#decoderOf(placeOf[batch.bytes[at]]).decode(row);
    }
  }

  #decoderOf(place: number): FormatDecoder {
    return (this.#decoders[place] ??= this.#formats.list[place].create(this.#batch));
  }
}

/** A decoder for the records of one source. */
export function createDecoder(context: DecodeContext, formats: Formats = FORMATS): Decoder {
  return new Decoder(context, formats);
}
