/** Columns that grow. */

/** Copies a column to row `at` of a longer one. @returns the longer one */
export function widened<T extends Int16Array | Uint16Array | Uint8Array | Float64Array>(column: T, into: T, at = 0): T {
  into.set(column, at);
  return into;
}
