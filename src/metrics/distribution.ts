/**
 * The values of a bucket or window as counts of at most 2,048 bins: values that share their top bits (value-bits.ts), as many of
 * them as that many bins allow. While all bits are kept, the counts are exact. More readings never make fewer bins, so how many
 * bits are kept depends on the set of readings only, never on their order or on how it was put together (uniform collapse:
 * I. Epicoco, C. Melle, M. Cafaro, M. Pulimeno & G. Morleo, "UDDSketch: Accurate Tracking of Quantiles in Data Streams", 2020; an
 * index read from the double's bits instead of a logarithm keeps narrow ranges far from zero apart).
 *
 * In memory it is one of three, and moves on, never back: a table of decimals close to each other (exact), counts by hash (exact),
 * bins, of which it may hold too many until it is read. Beside bins a table gathers merged encoded decimals, until then.
 * Which of them it is shows in no answer and no encoded byte.
 */
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { BINS_HELD_MAX, BINS_MAX } from "../core/limits.ts";
import { Bins } from "./bins.ts";
import { DecimalTable, TABLE_COUNT_MAX } from "./decimal-table.ts";
import { decimalPlaces, POWERS_OF_TEN } from "./decimals.ts";
import { codes, Entries, writeEntries } from "./entries.ts";
import { HashedCounts } from "./hashed-counts.ts";
import { OLD_SKETCH_DROPPED, OLD_TAGS, readOld } from "./old-distribution.ts";
import { interpolate, positionOf, type Share } from "./share.ts";
import { coarsened, NOTHING, type Sorted, union } from "./sorted-bins.ts";
import { commonZeros, DROPPED_MAX, DROPPED_MIN, edgeAt, farEdge, fewestDropped, rankOf } from "./value-bits.ts";

/** Encoding tags: see docs/formats/history.md. Those below are of older versions. */
const TAG_DECIMALS = OLD_TAGS; // + decimal places 0–6
const TAG_DOUBLES = TAG_DECIMALS + POWERS_OF_TEN.length;
const TAG_SHORT = TAG_DOUBLES + 1;
const TAG_BINS = TAG_SHORT + 1;

/** A distribution with its table and their fields. */
const OBJECT_BYTES = 350;

/** Values counted by hash for one question: all readings at the ends of a window, up to two hours at 1 Hz, are sorted and merged once. */
const WIDE_HASHED_MAX = 4 * BINS_HELD_MAX;

const encoding = new ByteWriter(1024);

/** Encoded bytes as this version writes them: themselves, unless an older one wrote them. */
export function renewed(bytes: Uint8Array): Uint8Array {
  if (bytes[0] >= OLD_TAGS) return bytes;
  const values = new Distribution();
  values.mergeEncoded(new ByteReader(bytes));
  return values.encoded();
}

/** Counts by bin: readings are added one by one or as runs, and other distributions are merged in. */
export class Distribution {
  /** Values that are decimals close to each other, as long as all are. */
  readonly #table: DecimalTable;
  readonly #isWide: boolean;
  /** Otherwise all values, */
  #hashed: HashedCounts | null = null;
  /** or, when they are too many, their bins. */
  #bins: Bins | null = null;
  /** What `sorted` found, until something is added. */
  #sorted: Sorted | null = null;
  /** Readings in it. */
  count = 0;

  /** @param isWide its table may take a quarter of a megabyte: for the one that a question merges all of its buckets into */
  constructor(isWide = false) {
    this.#isWide = isWide;
    this.#table = new DecimalTable(isWide);
  }

  /** Low bits that the bins drop; 0: exact counts of values. */
  get dropped(): number {
    return this.sorted().dropped;
  }

  /** About how many bytes of memory it holds. */
  get bytes(): number {
    return this.#table.counts.byteLength + (this.#hashed?.bytes ?? 0) + (this.#bins?.bytes ?? 0) + OBJECT_BYTES;
  }

  /** Counts a finite value `times` times. Amortised O(1). */
  add(value: number, times: number): void {
    this.count += times;
    this.#sorted = null;
    if (this.#bins !== null) {
      this.#bins.add(value, times);
      if (this.#bins.distinct > BINS_HELD_MAX) this.#coarsen();
      return;
    }
    if (this.#hashed === null && this.#table.add(value, times)) return;
    const hashed = this.#hashed ?? this.#toHashed();
    hashed.add(value, times);
    if (hashed.distinct > (this.#isWide ? WIDE_HASHED_MAX : BINS_HELD_MAX)) this.#coarsen();
  }

  /** Counts the finite values of rows [from, to) once each. */
  addColumn(values: Float64Array, from: number, to: number): void {
    let row = from;
    this.#sorted = null;
    if (this.#isTable && this.count + to - from > TABLE_COUNT_MAX) this.#toHashed();
    while (this.#isTable && row < to) {
      const start = row;
      row = this.#table.addColumn(values, row, to);
      this.count += row - start;
      if (row < to) this.add(values[row++], 1);
    }
    while (this.#bins === null && row < to) this.add(values[row++], 1);
    while (row < to) {
      const start = row;
      row = (this.#bins as Bins).addColumn(values, row, to);
      this.#added(row - start);
    }
  }

  get #isTable(): boolean {
    return this.#hashed === null && this.#bins === null;
  }

  #toHashed(): HashedCounts {
    const { counts } = this.#table;
    const hashed = new HashedCounts(this.#isWide);
    for (let i = 0; i < counts.length; i++) if (counts[i] > 0) hashed.add(this.#table.valueAt(i), counts[i]);
    this.#table.clear();
    this.#hashed = hashed;
    return hashed;
  }

  /** Drops as few more bits as it takes to be within `BINS_MAX`. */
  #coarsen(): void {
    const held = this.#held();
    this.#toBins(fewestDropped(held.keys), held);
  }

  /** Makes the bins drop at least `bits` bits. The table keeps what it holds. */
  #binsOf(dropped: number): Bins {
    if (this.#bins !== null && this.#bins.dropped >= dropped) return this.#bins;
    return this.#toBins(dropped, this.#held());
  }

  #toBins(dropped: number, { keys, counts }: Sorted): Bins {
    const bins = new Bins(dropped, this.#isWide);
    for (let i = 0; i < keys.length; i++) bins.add(keys[i], counts[i]);
    this.#bins = bins;
    this.#hashed = null;
    return bins;
  }

  /** All but what the table holds. */
  #held(): Sorted {
    if (this.#bins !== null) return { ...this.#bins.sorted(), dropped: this.#bins.dropped };
    return this.#hashed === null ? NOTHING : { ...this.#hashed.sorted(), dropped: 0 };
  }

  /** Adds everything that `other` holds. O(bins of `other`). */
  merge(other: Distribution): void {
    const { keys, counts } = other.sorted();
    if (other.dropped > 0) this.#binsOf(other.dropped);
    for (let i = 0; i < keys.length; i++) this.add(keys[i], counts[i]);
  }

  /** Not to be changed. */
  sorted(): Sorted {
    if (this.#sorted !== null) return this.#sorted;
    let all = this.#held();
    if (this.#table.distinct > 0) all = union(all, coarsened({ ...this.#table.sorted(), dropped: 0 }, all.dropped));
    if (all.keys.length > BINS_MAX) all = coarsened(all, fewestDropped(all.keys));
    this.#sorted = all;
    return all;
  }

  /**
   * The percentile of type 7 (share.ts), rounded once; null when empty. In bins, their readings are taken to lie evenly spread.
   * @param min and @param max of all values in it: what lies beyond is of no bin
   */
  quantile(share: Share, min: number, max: number): number | null {
    return this.#interpolated(share, (rank) => this.#estimate(rank, min, max));
  }

  /** Two doubles that bracket the percentile of type 7, rounded once; both are it while the counts are exact. */
  interval(share: Share, min: number, max: number): readonly [low: number, high: number] | null {
    const low = this.#interpolated(share, (rank) => this.#range(rank, min, max).low);
    const high = this.#interpolated(share, (rank) => this.#range(rank, min, max).high);
    return low === null || high === null ? null : [low, high];
  }

  /** Of what `valueAt` says of the readings around a share. It ascends, so the exact percentile lies as its readings do. */
  #interpolated(share: Share, valueAt: (rank: number) => number): number | null {
    if (this.count === 0) return null;
    const { index, part } = positionOf(share, this.count);
    const lower = valueAt(index);
    return part === 0 ? lower : interpolate(lower, valueAt(index + 1), part, share.denominator);
  }

  /** Bounds of the reading at that index in value order, and its position among the `count` readings of its bin. */
  #range(
    rank: number,
    min: number,
    max: number,
  ): { readonly low: number; readonly high: number; readonly place: number; readonly count: number } {
    const { keys, counts } = this.sorted();
    let before = 0;
    let i = 0;
    while (before + counts[i] <= rank) before += counts[i++];
    const place = rank - before;
    const count = counts[i];
    if (this.dropped === 0) return { low: keys[i], high: keys[i], place, count };
    if (rank === 0) return { low: min, high: min, place, count };
    if (rank === this.count - 1) return { low: max, high: max, place, count };
    const far = farEdge(keys[i], this.dropped);
    return { low: Math.max(min, Math.min(keys[i], far)), high: Math.min(max, Math.max(keys[i], far)), place, count };
  }

  #estimate(rank: number, min: number, max: number): number {
    const { low, high, place, count } = this.#range(rank, min, max);
    return low === high ? low : Math.min(high, low + (high - low) * ((place + 0.5) / count));
  }

  /** Canonical: the same readings write the same bytes. */
  encode(out: ByteWriter): void {
    const { keys, counts } = this.sorted();
    const n = keys.length;
    const { dropped } = this;
    const places = dropped > 0 ? -1 : decimalPlaces(keys, n);
    const bits = dropped > 0 ? dropped : places >= 0 ? 0 : Math.min(commonZeros(keys), DROPPED_MAX);
    const isRanked = bits >= DROPPED_MIN;
    out.u8(dropped > 0 ? TAG_BINS : places >= 0 ? TAG_DECIMALS + places : isRanked ? TAG_SHORT : TAG_DOUBLES);
    if (isRanked) out.u8(bits);
    out.varint(n);
    if (n === 0) return;
    if (isRanked) for (let i = 0; i < n; i++) codes[i] = rankOf(keys[i], bits);
    else if (places >= 0) for (let i = 0; i < n; i++) codes[i] = Math.round(keys[i] * POWERS_OF_TEN[places]);
    else {
      for (let i = 0; i < n; i++) {
        out.f64(keys[i]);
        out.varint(counts[i]);
      }
      return;
    }
    writeEntries(out, n, counts, this.count);
  }

  /** A copy of what `encode` writes. */
  encoded(): Uint8Array {
    encoding.reset();
    this.encode(encoding);
    return encoding.finish();
  }

  /** Reads what `encode` wrote, of this version or an older one, and adds it. @throws RangeError for what it cannot have written */
  mergeEncoded(from: ByteReader): void {
    const tag = from.u8();
    if (tag < OLD_TAGS) {
      this.#mergeOld(from, tag);
      return;
    }
    if (tag > TAG_BINS) throw new RangeError(`unknown distribution tag ${tag}`);
    const bits = tag >= TAG_SHORT ? from.u8() : 0;
    if (tag >= TAG_SHORT && (bits < DROPPED_MIN || bits > DROPPED_MAX)) throw new RangeError(`dropped bits ${bits}`);
    const n = from.varint();
    if (n > BINS_MAX) throw new RangeError(`distribution of ${n} bins`);
    if (n === 0) return;
    if (tag === TAG_DOUBLES) {
      for (let i = 0; i < n; i++) {
        const value = from.f64();
        this.add(value, from.varint());
      }
      return;
    }
    const entries = new Entries(from, n);
    this.#sorted = null;
    if (tag < TAG_DOUBLES) this.#mergeDecimals(entries, POWERS_OF_TEN[tag - TAG_DECIMALS]);
    else this.#mergeRanks(entries, bits, tag === TAG_SHORT);
  }

  #mergeOld(from: ByteReader, tag: number): void {
    if (tag === OLD_TAGS - 1) this.#binsOf(OLD_SKETCH_DROPPED);
    readOld(from, tag, (value, times) => this.add(value, times));
  }

  /** Entries of decimals: codes / scale. */
  #mergeDecimals(entries: Entries, scale: number): void {
    if (this.#hashed === null && this.count + entries.total <= TABLE_COUNT_MAX) {
      const factor = this.#table.expect(entries.first, entries.last, scale, entries.n);
      if (factor > 0) {
        this.#table.addEntries(entries, factor);
        this.count += entries.total;
        return;
      }
    }
    while (entries.next()) this.add(entries.code / scale, entries.times);
  }

  /** Entries of ranks: of edges, or of values that have no other bits. */
  #mergeRanks(entries: Entries, bits: number, isExact: boolean): void {
    const bins = isExact ? this.#bins : this.#binsOf(bits);
    if (bins !== null && bins.dropped >= bits) {
      bins.addEntries(entries, bits);
      this.#added(entries.total);
    } else while (entries.next()) this.add(edgeAt(entries.code, bits), entries.times);
  }

  /** `n` readings were added to the bins. */
  #added(readings: number): void {
    this.count += readings;
    if ((this.#bins as Bins).distinct > BINS_HELD_MAX) this.#coarsen();
  }
}
