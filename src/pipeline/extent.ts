/** The earliest and the latest reading of rows of columns. Loops of their own: V8 optimises what is called often sooner than a loop that is inside. */

export interface Extent {
  /** ms */
  earliest: number;
  latest: number;
  /** The largest value at the latest time. */
  latestValue: number;
}

/** Fills `extent` from the first `count` rows, of which there is one at least.. */
export function measureExtent(
  time: Float64Array,
  value: Float64Array,
  count: number,
  ascending: boolean,
  extent: Extent,
): void {
  if (!ascending) measureAny(time, value, count, extent);
  else {
    const last = count - 1;
    let latestValue = value[last];
    for (let row = last - 1; row >= 0 && time[row] === time[last]; row--) {
      if (value[row] > latestValue) latestValue = value[row];
    }
    extent.earliest = time[0];
    extent.latest = time[last];
    extent.latestValue = latestValue;
  }
}

function measureAny(time: Float64Array, value: Float64Array, count: number, extent: Extent): void {
  let earliest = time[0];
  let latest = earliest;
  let latestValue = value[0];
  for (let row = 1; row < count; row++) {
    const t = time[row];
    if (t < earliest) earliest = t;
    else if (t > latest || (t === latest && value[row] > latestValue)) {
      latest = t;
      latestValue = value[row];
    }
  }
  extent.earliest = earliest;
  extent.latest = latest;
  extent.latestValue = latestValue;
}
