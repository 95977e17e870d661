/** A device's state as bytes, whole for its row or the changed part for a delta: docs/formats/identity.md. */
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import { type Devices, EDGE_IMPLICIT, EDGE_NONE, EDGE_UNRESOLVED, EDGE_WORDS } from "./devices.ts";

/** Bits 0 and 1 of the flags say whose the edge is. */
const EDGE_BITS = 3;
const IS_NONE = 0;
const IS_IMPLICIT = 1;
const IS_NAMED = 2;
/** The device has an implicit boot. */
const HAS_IMPLICIT = 4;

/** State and the edge's words from `firstWord` on. */
export function writeState(devices: Devices, to: ByteWriter, slot: number, firstWord: number): void {
  const name = devices.edgeName[slot];
  const edge = name === EDGE_NONE ? IS_NONE : name === EDGE_IMPLICIT ? IS_IMPLICIT : IS_NAMED;
  const hasImplicit = devices.implicitBoot[slot] !== 0;
  to.u8(edge | (hasImplicit ? HAS_IMPLICIT : 0));
  to.varint(devices.duplicateRun[slot]);
  to.f64(devices.newest[slot]);
  if (hasImplicit) {
    to.varint(devices.implicitBoot[slot]);
    to.varint(devices.implicitOrdinal[slot]);
    to.f64(devices.implicitFirst[slot]);
    to.f64(devices.implicitLast[slot]);
    to.signed(devices.implicitHighest[slot]);
  }
  if (edge === IS_NONE) return;
  to.varint(devices.edgeBoot[slot]);
  to.varint(devices.edgeBase[slot] / 32);
  const at = slot * EDGE_WORDS;
  let end = EDGE_WORDS;
  while (end > firstWord && devices.edge[at + end - 1] === 0) end--;
  to.u8(firstWord);
  to.u8(end - firstWord);
  for (let w = firstWord; w < end; w++) to.u32(devices.edge[at + w]);
}

/** Applies what `writeState` wrote: bits are added, everything else replaced. */
export function readState(devices: Devices, from: ByteReader, slot: number): void {
  const flags = from.u8();
  devices.duplicateRun[slot] = from.varint();
  devices.newest[slot] = from.f64();
  if ((flags & HAS_IMPLICIT) !== 0) {
    devices.implicitBoot[slot] = from.varint();
    devices.implicitOrdinal[slot] = from.varint();
    devices.implicitFirst[slot] = from.f64();
    devices.implicitLast[slot] = from.f64();
    devices.implicitHighest[slot] = from.signed();
  }
  if ((flags & EDGE_BITS) === IS_NONE) return;
  const boot = from.varint();
  const base = from.varint() * 32;
  const firstWord = from.u8();
  const length = from.u8();
  const { edge } = devices;
  const at = slot * EDGE_WORDS;
  if (devices.edgeBoot[slot] !== boot || devices.edgeName[slot] === EDGE_NONE) {
    edge.fill(0, at, at + EDGE_WORDS);
    devices.edgeBoot[slot] = boot;
  } else {
    // What slid out since is in the seen blocks of the same commit.
    const moved = (base - devices.edgeBase[slot]) / 32;
    if (moved < 0 || moved >= EDGE_WORDS) edge.fill(0, at, at + EDGE_WORDS);
    else {
      edge.copyWithin(at, at + moved, at + EDGE_WORDS);
      edge.fill(0, at + EDGE_WORDS - moved, at + EDGE_WORDS);
    }
  }
  devices.edgeName[slot] = (flags & EDGE_BITS) === IS_IMPLICIT ? EDGE_IMPLICIT : EDGE_UNRESOLVED;
  devices.edgeBase[slot] = base;
  for (let w = 0; w < length; w++) edge[at + firstWord + w] |= from.u32();
}
