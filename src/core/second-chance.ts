/** Which entries of a cache to let go of: second-chance replacement over insertion order (the CLOCK algorithm, Corbató 1968). */

/** What is cached; the cache's owner sets `dirty`, whoever uses the entry `used`. */
export interface Entry {
  /** Differs from the store, so it must stay. */
  readonly dirty: boolean;
  /** Used since the last sweep: it survives one more. */
  used: boolean;
  /** Accounted size. */
  readonly bytes: number;
}

/**
 * Takes clean entries that were not used lately out of the map until they make up `excessBytes`, or none is left. Amortised O(1) an
 * entry that is dropped.
 * @param onDrop told of each entry that is dropped
 * @returns bytes of what was dropped
 */
export function dropUnused<K, V extends Entry>(
  entries: Map<K, V>,
  excessBytes: number,
  onDrop: (entry: V) => void = () => {},
): number {
  if (excessBytes <= 0) return 0;
  const passes = 2 * entries.size;
  let seen = 0;
  let dropped = 0;
  for (const [key, entry] of entries) {
    if (dropped >= excessBytes || ++seen > passes) break;
    entries.delete(key);
    if (entry.dirty || entry.used) {
      entry.used = false;
      entries.set(key, entry); // to the back of the order
    } else {
      dropped += entry.bytes;
      onDrop(entry);
    }
  }
  return dropped;
}
