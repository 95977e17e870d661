/** A device's state as bytes, whole for its row or the changed part for a delta: docs/formats/identity.md. */
import { crc32 } from "node:zlib";
import { ByteReader, type ByteWriter } from "../core/bytes.ts";
import {
  CONFLICTS,
  DEVICE_CELLS,
  DEVICE_COUNTS,
  type DeviceColumns,
  DUPLICATE_RUN,
  DUPLICATES,
  EDGE_BASE,
  EDGE_BOOT,
  EDGE_NAME,
  EDGE_NONE,
  EDGE_UNRESOLVED,
  EDGE_WORDS,
  FIRST_TIME,
  HEARD_AT,
  HELD_BACK,
  LAST_HEARD,
  LAST_TIME,
  LAST_VALUE,
  LATE_READINGS,
  NEWEST,
  READINGS,
} from "./device-columns.ts";

/** Bits 0 and 1 of the flags say whose the edge is. */
const EDGE_BITS = 3;
const IS_NONE = 0;
/** Written before version 3. */
const IS_IMPLICIT = 1;
const IS_NAMED = 2;
/** Written before version 3: the device's latest implicit boot, whose sequences are bits. */
const HAS_BITS = 4;
/** The device has implicit boots. */
const HAS_IMPLICIT = 8;
/** It has implicit boots from before version 3: what is known of the latest. */
const HAS_OLDER = 16;
/** It has counts: written since version 6. */
const HAS_COUNTS = 32;

/** Why a device's row is not one that was written; null: nothing is wrong. Rows from before version 6 have no checksum at their end. */
export function stateFault(state: Uint8Array): string | null {
  const from = new ByteReader(state);
  from.varint();
  if ((from.u8() & HAS_COUNTS) === 0) return null;
  const length = state.length - 4;
  return new ByteReader(state, length).u32() === crc32(state.subarray(0, length)) ? null : "checksum does not match";
}

/** Counts that are integers, and those that are doubles, in the order of writing. */
const INTEGERS = [READINGS, DUPLICATES, CONFLICTS, LATE_READINGS, HELD_BACK] as const;
const DOUBLES = [FIRST_TIME, LAST_TIME, LAST_VALUE, LAST_HEARD] as const;

/** State and the edge's words from `firstWord` on. */
export function writeState(devices: DeviceColumns, to: ByteWriter, slot: number, firstWord: number): void {
  const name = devices.cells[slot * DEVICE_CELLS + EDGE_NAME];
  const edge = name === EDGE_NONE ? IS_NONE : IS_NAMED;
  const hasImplicit = devices.implicitBoot[slot] !== 0;
  const hasOlder = devices.olderBoot[slot] !== 0;
  to.u8(edge | (hasImplicit ? HAS_IMPLICIT : 0) | (hasOlder ? HAS_OLDER : 0) | HAS_COUNTS);
  to.varint(devices.cells[slot * DEVICE_CELLS + DUPLICATE_RUN]);
  to.f64(devices.cells[slot * DEVICE_CELLS + NEWEST]);
  if (hasImplicit) {
    to.varint(devices.implicitBoot[slot]);
    to.varint(devices.lastUntimed[slot]);
  }
  if (hasOlder) {
    to.varint(devices.olderBoot[slot]);
    to.f64(devices.olderFirst[slot]);
    to.f64(devices.olderLast[slot]);
  }
  const counts = slot * DEVICE_COUNTS;
  const heard = devices.cells[slot * DEVICE_CELLS + HEARD_AT];
  if (heard > devices.counts[counts + LAST_HEARD]) devices.counts[counts + LAST_HEARD] = heard;
  for (const cell of INTEGERS) to.varint(devices.counts[counts + cell]);
  for (const cell of DOUBLES) to.f64(devices.counts[counts + cell]);
  if (edge === IS_NONE) return;
  to.varint(devices.cells[slot * DEVICE_CELLS + EDGE_BOOT]);
  to.varint(devices.cells[slot * DEVICE_CELLS + EDGE_BASE] / 32);
  const at = slot * EDGE_WORDS;
  let end = EDGE_WORDS;
  while (end > firstWord && devices.edge[at + end - 1] === 0) end--;
  to.u8(firstWord);
  to.u8(end - firstWord);
  for (let w = firstWord; w < end; w++) to.u32(devices.edge[at + w]);
}

/**
 * Applies what `writeState` wrote: bits are added, everything else replaced.
 * @param markOlder takes a word of sequences of an implicit boot from before version 3
 */
export function readState(
  devices: DeviceColumns,
  from: ByteReader,
  slot: number,
  markOlder: (boot: number, word: number, bits: number) => void,
): void {
  const flags = from.u8();
  devices.cells[slot * DEVICE_CELLS + DUPLICATE_RUN] = from.varint();
  devices.cells[slot * DEVICE_CELLS + NEWEST] = from.f64();
  if ((flags & HAS_IMPLICIT) !== 0) {
    devices.implicitBoot[slot] = from.varint();
    devices.lastUntimed[slot] = from.varint();
  }
  if ((flags & (HAS_BITS | HAS_OLDER)) !== 0) {
    devices.olderBoot[slot] = from.varint();
    if ((flags & HAS_BITS) !== 0) from.varint(); // its ordinal
    devices.olderFirst[slot] = from.f64();
    devices.olderLast[slot] = from.f64();
    if ((flags & HAS_BITS) !== 0) from.signed(); // its highest sequence
  }
  const counts = slot * DEVICE_COUNTS;
  if ((flags & HAS_COUNTS) === 0) devices.counts[counts + FIRST_TIME] = Number.NEGATIVE_INFINITY;
  else {
    for (const cell of INTEGERS) devices.counts[counts + cell] = from.varint();
    for (const cell of DOUBLES) devices.counts[counts + cell] = from.f64();
  }
  if ((flags & EDGE_BITS) === IS_NONE) return;
  const boot = from.varint();
  const base = from.varint() * 32;
  const firstWord = from.u8();
  const length = from.u8();
  const { edge } = devices;
  const at = slot * EDGE_WORDS;
  if ((flags & EDGE_BITS) === IS_IMPLICIT) {
    // Edges are for named boots only since then; marking a bit again does no harm.
    for (let w = 0; w < length; w++) markOlder(boot, base / 32 + firstWord + w, from.u32());
    devices.cells[slot * DEVICE_CELLS + EDGE_NAME] = EDGE_NONE;
    return;
  }
  if (
    devices.cells[slot * DEVICE_CELLS + EDGE_BOOT] !== boot ||
    devices.cells[slot * DEVICE_CELLS + EDGE_NAME] === EDGE_NONE
  ) {
    edge.fill(0, at, at + EDGE_WORDS);
    devices.cells[slot * DEVICE_CELLS + EDGE_BOOT] = boot;
  } else {
    // What slid out since is in the seen blocks of the same commit.
    const moved = (base - devices.cells[slot * DEVICE_CELLS + EDGE_BASE]) / 32;
    if (moved < 0 || moved >= EDGE_WORDS) edge.fill(0, at, at + EDGE_WORDS);
    else {
      edge.copyWithin(at, at + moved, at + EDGE_WORDS);
      edge.fill(0, at + EDGE_WORDS - moved, at + EDGE_WORDS);
    }
  }
  devices.cells[slot * DEVICE_CELLS + EDGE_NAME] = EDGE_UNRESOLVED;
  devices.cells[slot * DEVICE_CELLS + EDGE_BASE] = base;
  for (let w = 0; w < length; w++) edge[at + firstWord + w] |= from.u32();
}
