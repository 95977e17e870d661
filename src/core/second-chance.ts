/** Which entries of a cache to evict: second-chance replacement over insertion order (the CLOCK algorithm, Corbató 1968). */

/** An entry of a cache. */
export interface Cached {
  /** Differs from the store, so it must stay. Set by the cache. */
  readonly dirty: boolean;
  /** Used since the last pass: it survives one more. Set on each use. */
  used: boolean;
  /** Accounted size. */
  readonly bytes: number;
}

/**
 * Evicts clean entries that were not used lately until they make up `excessBytes`, or none is left. Amortised O(1) an evicted entry.
 * @param onEvict called with each evicted entry
 * @returns bytes evicted
 */
export function evictUnused<K, V extends Cached>(
  entries: Map<K, V>,
  excessBytes: number,
  onEvict: (entry: V) => void = () => {},
): number {
  if (excessBytes <= 0) return 0;
  const passes = 2 * entries.size;
  let seen = 0;
  let evicted = 0;
  for (const [key, entry] of entries) {
    if (evicted >= excessBytes || ++seen > passes) break;
    entries.delete(key);
    if (entry.dirty || entry.used) {
      entry.used = false;
      entries.set(key, entry); // to the back of the order
    } else {
      evicted += entry.bytes;
      onEvict(entry);
    }
  }
  return evicted;
}
