/** Reuses memory for record sets: new megabytes outside V8's heap with each answer would be garbage that only full collections free. */

/** Shorter ones are left to the garbage collector. */
const LENT_BYTES_MIN = 65_536;
/** Lengths are rounded up to this, so that buffers fit again. */
const STEP_BYTES = 262_144;
/** Idle buffers kept: a leader's answer is being decoded while its next one comes, of several partitions each. */
const IDLE_MAX = 8;
/** A longer answer than a fetch normally brings is not kept. */
const IDLE_BYTES_MAX = 4 * 1024 * 1024;

const idle: ArrayBuffer[] = [];
const lent = new WeakSet<Uint8Array>();

/** @returns `length` bytes of any content, until they are given back */
export function lendBytes(length: number): Uint8Array<ArrayBuffer> {
  if (length < LENT_BYTES_MIN) return new Uint8Array(length);
  const at = idle.findIndex((buffer) => buffer.byteLength >= length);
  const buffer = at < 0 ? new ArrayBuffer(Math.ceil(length / STEP_BYTES) * STEP_BYTES) : idle.splice(at, 1)[0];
  const bytes = new Uint8Array(buffer, 0, length);
  lent.add(bytes);
  return bytes;
}

/** Takes back a lent buffer, which must not be read afterwards. Any other buffer is ignored. */
export function giveBack(bytes: Uint8Array): void {
  if (!lent.delete(bytes) || !(bytes.buffer instanceof ArrayBuffer)) return;
  if (idle.length < IDLE_MAX && bytes.buffer.byteLength <= IDLE_BYTES_MAX) idle.push(bytes.buffer);
}
