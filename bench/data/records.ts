/** Records of a batch, made of texts. */
import { ABSENT, type Records } from "../../src/core/records.ts";

/** What a record holds. */
export interface TextRecord {
  /** Latin-1. */
  readonly text: string;
  /** ms. */
  readonly timestamp: number;
}

/** Makes these the records of a batch, of offsets from `first` on; without keys. @returns bytes of all texts */
export function fillTexts(records: Records, first: number, count: number, at: (offset: number) => TextRecord): number {
  records.reserve(count);
  records.count = count;
  records.appendTime = false;
  const texts: string[] = [];
  let end = 0;
  for (let row = 0; row < count; row++) {
    const { text, timestamp } = at(first + row);
    texts.push(text);
    records.offset[row] = first + row;
    records.timestamp[row] = timestamp;
    records.keyStart[row] = ABSENT;
    records.keyEnd[row] = ABSENT;
    records.valueStart[row] = end;
    end += text.length;
    records.valueEnd[row] = end;
  }
  records.data = new Uint8Array(Buffer.from(texts.join(""), "latin1"));
  records.nextOffset = first + count;
  return end;
}
