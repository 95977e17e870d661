/** What comes first among many that have names, in the room of as many as are asked for. */

/** Where something stands: the larger value comes first, of equal ones the name whose bytes come first. */
export interface Place {
  readonly value: number;
  readonly name: Uint8Array;
}

/** Something, where it stands. */
interface Placed<T> extends Place {
  readonly item: T;
}

/** Below 0: a comes before b. */
export function compare(a: Place, b: Place): number {
  return a.value === b.value ? Buffer.compare(a.name, b.name) : b.value - a.value;
}

/** A binary heap with the last of the first ones on top (Williams, 1964): one more costs O(log limit), and mostly O(1), as it is none of them. */
export class FirstNamed<T> {
  readonly #limit: number;
  readonly #heap: Placed<T>[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether one with this value may be among them: of equal ones the name decides. */
  mayHold(value: number): boolean {
    return this.#heap.length < this.#limit || value >= this.#heap[0].value;
  }

  /** @param item made where it is one of them */
  add(value: number, name: Uint8Array, item: () => T): void {
    const heap = this.#heap;
    if (heap.length === this.#limit && compare({ value, name }, heap[0]) >= 0) return;
    const placed = { value, name, item: item() };
    if (heap.length < this.#limit) {
      heap.push(placed);
      this.#rise(heap.length - 1);
    } else {
      heap[0] = placed;
      this.#sink();
    }
  }

  #rise(from: number): void {
    const heap = this.#heap;
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (compare(heap[at], heap[parent]) < 0) return;
      [heap[at], heap[parent]] = [heap[parent], heap[at]];
      at = parent;
    }
  }

  #sink(): void {
    const heap = this.#heap;
    for (let at = 0; ; ) {
      const child = 2 * at + 1;
      if (child >= heap.length) return;
      const later = child + 1 < heap.length && compare(heap[child + 1], heap[child]) > 0 ? child + 1 : child;
      if (compare(heap[later], heap[at]) <= 0) return;
      [heap[at], heap[later]] = [heap[later], heap[at]];
      at = later;
    }
  }

  /** In order; nothing can be added after it. O(limit · log limit). */
  inOrder(): T[] {
    return this.#heap.sort(compare).map(({ item }) => item);
  }
}
