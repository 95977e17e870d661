/** Returns the memory that loading and opening left behind to the system. */

/** By then modules of first use are loaded, and the first live row is out. */
const SETTLED_MS = 1000;

/**
 * V8 collects an isolate's old generation when it has grown by a third or 8 MB; before that the garbage of its start stays, with what lives
 * strewn among it. Collects it once, soon, and compacts what lives: 10–15 ms of this thread. Does nothing where `--expose-gc` was not given.
 */
export function releaseWhenSettled(): void {
  setTimeout(() => globalThis.gc?.({ type: "major", flavor: "last-resort" }), SETTLED_MS).unref();
}
