/** Pages of the levels 1 and up as bytes: docs/formats/history.md draws them. Canonical: the same readings give the same bytes. */
import { BucketPage } from "./bucket-page.ts";
import { readRow, writeRow } from "./bucket-row.ts";
import { BUCKETS_PER_PAGE, levelOf, pageOf, STEP_SECONDS } from "./levels.ts";
import { corrupt, opened, out, sealed } from "./page-frame.ts";

/** First byte: the layout and its version. */
const BUCKETS = 0x31;

/** Levels 1 and up. */
export function encodeBuckets(key: number, page: BucketPage): Uint8Array<ArrayBuffer> {
  out.reset();
  out.u8(BUCKETS);
  const stepMs = STEP_SECONDS[levelOf(key)] * 1000;
  const baseMs = pageOf(key) * page.size * stepMs;
  let previous = -1;
  for (let i = 0; i < page.size; i++) {
    if (page.countOf(i) === 0) continue;
    out.varint(i - previous);
    previous = i;
    writeRow(page.rows, page.rowOf(i), baseMs + i * stepMs);
  }
  out.varint(0);
  return sealed();
}

/** Levels 1 and up from bytes; values stay encoded until they are asked for. @throws TidemarkError "history-corrupt" */
export function decodeBuckets(key: number, bytes: Uint8Array): BucketPage {
  const level = levelOf(key);
  const page = new BucketPage(BUCKETS_PER_PAGE[level]);
  const from = opened(key, bytes);
  const stepMs = STEP_SECONDS[level] * 1000;
  try {
    if (from.u8() !== BUCKETS) throw new RangeError("unknown layout");
    const baseMs = pageOf(key) * page.size * stepMs;
    let i = -1;
    for (let step = from.varint(); step !== 0; step = from.varint()) {
      i += step;
      if (i >= page.size) throw new RangeError(`bucket ${i} of ${page.size}`);
      const row = page.rowFor(i);
      const block = readRow(page.rows, row, from, baseMs + i * stepMs);
      if (block.length > 0) page.rows.values[row] = block.slice();
    }
  } catch (error) {
    throw corrupt(key, String(error), error);
  }
  return page;
}
