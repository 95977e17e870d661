/** UTF-8 well-formedness of names, so that the fast JSON paths may keep a name's bytes as they are. */

/** Whether bytes[start, end) is well-formed (The Unicode Standard, table 3-7): no overlong forms, surrogates, or anything past U+10FFFF. */
export function isWellFormedUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at++];
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4 || at >= end) return false;
    const second = bytes[at++];
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (let more = lead < 0xe0 ? 0 : lead < 0xf0 ? 1 : 2; more > 0; more--) {
      if (at >= end || (bytes[at++] & 0xc0) !== 0x80) return false;
    }
  }
  return true;
}
