/** Records of several JSON objects: lists, objects one after the other, and lines of those. Behind the ways that read one object. */
import type { RejectionCode } from "../../core/rejections.ts";
import { BareValue } from "../bare-number.ts";
import type { Batch } from "../format.ts";
import { Lines } from "../lines.ts";
import { skipSpace } from "./skip.ts";

const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const COMMA = 44;

/** A piece of a record: an object, a bare value, or what is rejected as one reading. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly kind: "object" | "value" | RejectionCode;
}

/** Decodes the one object bytes[start, end) into a row, or rejects it. */
type DecodeObject = (row: number, start: number, end: number) => void;

/**
 * Decodes a record that begins like JSON and is not one object. Its units (lines, see `Lines`) hold objects and lists of objects with
 * nothing but white space between, or a bare value. It is cut at its brackets only: whether a piece is JSON is for `decodeObject` to
 * say, so that a bad one is rejected alone; a unit that cannot be cut is rejected whole.
 */
export function decodeSeveral(
  batch: Batch,
  record: number,
  start: number,
  end: number,
  decodeObject: DecodeObject,
): void {
  const pieces: Piece[] = [];
  for (const units = new Lines(batch.bytes, start, end); units.next(); ) {
    cutUnit(batch.bytes, units.start, units.end, pieces);
  }
  for (const [index, piece] of pieces.entries()) {
    const row = index === 0 ? record : batch.addRow(record);
    if (pieces.length > 1) batch.setBytes(row, piece.start, piece.end);
    if (piece.kind === "object") decodeObject(row, piece.start, piece.end);
    else if (piece.kind === "value") new BareValue(batch).decode(row, piece.start, piece.end);
    else batch.reject(row, piece.kind);
  }
}

function cutUnit(bytes: Uint8Array, start: number, end: number, pieces: Piece[]): void {
  if (bytes[start] !== OPEN_OBJECT && bytes[start] !== OPEN_LIST) {
    pieces.push({ start, end, kind: "value" });
    return;
  }
  const before = pieces.length;
  let at = start;
  while (at >= 0 && at < end) {
    const next = bytes[at] === OPEN_LIST ? cutList(bytes, at, end, pieces) : cutObject(bytes, at, end, pieces);
    at = next < 0 ? next : skipSpace(bytes, next, end);
  }
  if (at >= 0) return;
  pieces.length = before;
  pieces.push({ start, end, kind: "unreadable" });
}

/** @returns the position behind the object at `at`, or -1 when there is none */
function cutObject(bytes: Uint8Array, at: number, end: number, pieces: Piece[]): number {
  const after = bytes[at] === OPEN_OBJECT ? behindBrackets(bytes, at, end) : -1;
  if (after >= 0) pieces.push({ start: at, end: after, kind: "object" });
  return after;
}

/** A list of objects is as many pieces; an empty one, or one of anything else, is rejected as one. @returns as `cutObject` */
function cutList(bytes: Uint8Array, start: number, end: number, pieces: Piece[]): number {
  const after = behindBrackets(bytes, start, end);
  if (after < 0) return -1;
  const reject = (kind: RejectionCode): number => {
    pieces.push({ start, end: after, kind });
    return after;
  };
  const before = pieces.length;
  const close = after - 1;
  let at = skipSpace(bytes, start + 1, close);
  if (at === close) return reject("empty");
  for (;;) {
    at = cutObject(bytes, at, close, pieces);
    if (at < 0) {
      pieces.length = before;
      return reject("not-a-number");
    }
    at = skipSpace(bytes, at, close);
    if (at === close) return after;
    if (bytes[at] !== COMMA) return -1;
    at = skipSpace(bytes, at + 1, close);
    if (at === close) return -1;
  }
}

/** @returns the position behind the bracket that closes the one at `start`, whatever kind it is; -1 when there is none */
function behindBrackets(bytes: Uint8Array, start: number, end: number): number {
  let depth = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
    else if (byte === 125 || byte === CLOSE_LIST) {
      if (--depth === 0) return at + 1;
    } else if (byte === 34) {
      for (at++; at < end && bytes[at] !== 34; at++) if (bytes[at] === 92) at++;
    }
  }
  return -1;
}
