/** Aggregates as bytes, to be sent or stored: docs/formats/aggregate.md draws them. Canonical: the same readings give the same bytes. */
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import { Aggregate } from "./aggregate.ts";
import { decodeDyadic, encodeDyadic, reduced } from "./dyadic.ts";

/** First byte of an encoded aggregate: the layout and its version. */
const LAYOUT = 0x41;
/** Second byte: what of `Needs` is in it. */
const WITH_SUMS = 1;
const WITH_VALUES = 2;

/** Appends an aggregate as bytes. The same readings append the same bytes, however they were merged. */
export function encodeAggregate(out: ByteWriter, aggregate: Aggregate): void {
  const { needs, count, distribution } = aggregate;
  out.u8(LAYOUT);
  out.u8((needs.sums ? WITH_SUMS : 0) | (needs.quantiles ? WITH_VALUES : 0));
  out.varint(count);
  if (count === 0) return;
  out.varint(count - aggregate.seconds);
  out.varint(aggregate.late);
  out.f64(aggregate.min);
  out.f64(aggregate.max);
  out.signed(aggregate.firstTime);
  out.f64(aggregate.firstValue);
  out.varint(aggregate.lastTime - aggregate.firstTime);
  out.f64(aggregate.lastValue);
  if (needs.sums) for (const sum of aggregate.exactSums()) encodeDyadic(out, reduced(sum));
  distribution?.encode(out);
}

/** Reads what `encodeAggregate` wrote. @throws RangeError, with what was expected, for anything else */
export function decodeAggregate(from: ByteReader): Aggregate {
  const start = from.position;
  try {
    return decode(from);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
    throw new RangeError(`Cannot read the aggregate at byte ${start}: ${error.message}`, { cause: error });
  }
}

function decode(from: ByteReader): Aggregate {
  const layout = from.u8();
  if (layout !== LAYOUT) throw new RangeError(`its first byte must be ${LAYOUT}, was ${layout}`);
  const flags = from.u8();
  if (flags > (WITH_SUMS | WITH_VALUES)) throw new RangeError(`its flags must be <= 3, were ${flags}`);
  const aggregate = new Aggregate({ sums: (flags & WITH_SUMS) !== 0, quantiles: (flags & WITH_VALUES) !== 0 });
  const count = from.varint();
  if (count === 0) return aggregate;
  aggregate.count = count;
  aggregate.seconds = count - from.varint();
  aggregate.late = from.varint();
  aggregate.min = from.f64();
  aggregate.max = from.f64();
  aggregate.firstTime = from.signed();
  aggregate.firstValue = from.f64();
  aggregate.lastTime = aggregate.firstTime + from.varint();
  aggregate.lastValue = from.f64();
  const { seconds, late, min, max, firstTime, lastTime } = aggregate;
  if (seconds < 1 || late > count)
    throw new RangeError(`${count} readings in ${seconds} seconds, ${late} of them late`);
  if (!(min <= max) || !Number.isFinite(max - min)) throw new RangeError(`values from ${min} to ${max}`);
  if (!Number.isSafeInteger(firstTime) || !Number.isSafeInteger(lastTime)) {
    throw new RangeError(`times from ${firstTime} to ${lastTime}`);
  }
  if (aggregate.needs.sums) aggregate.setSums(decodeDyadic(from), decodeDyadic(from));
  if (aggregate.distribution === null) return aggregate;
  aggregate.distribution.mergeEncoded(from);
  const values = aggregate.distribution.count;
  if (values !== count) throw new RangeError(`${count} readings with ${values} values`);
  return aggregate;
}
