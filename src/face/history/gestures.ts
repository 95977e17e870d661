/** Pointers, wheel and keys on the panels → what they mean. */
import { panned, pinched, type Span, zoomed } from "./span.ts";

/** What a drag does. */
export type Drag = "zoom" | "select" | "pan";

/** What is gestured at. */
export interface Board {
  /** Takes the keys. */
  readonly root: HTMLElement;
  /** The plots, all of one width. */
  plots(): readonly HTMLElement[];
  /** The span that is seen. */
  span(): Span;
  now(): number;
  /** What a drag does without a key. */
  drag(): Drag;
  /** A moment is looked at; null: none any more. `plot` is the one under the pointer. */
  inspect(ms: number | null, plot: number, y: number): void;
  /** The bucket before or after the one that is looked at. */
  step(by: -1 | 1): void;
  /** A span is being marked, or no longer. */
  mark(span: Span | null, drag: Drag): void;
  /** A span has been marked. */
  marked(span: Span, drag: Drag): void;
  /** The time axis moves with the fingers. */
  move(span: Span): void;
  /** It has arrived. */
  settle(): void;
  home(): void;
}

/** Less is a click, px. */
const DRAG_PX_MIN = 5;

/** A turn of the wheel that begins within this after another, ms, belongs to it: who scrolls the page over a plot does not zoom. */
const WHEEL_MS = 250;

/** The wheel rests: numbers are asked for, ms. */
const WHEEL_REST_MS = 160;

/** Of a notch of 100 px: about 1.2 times. */
const WHEEL_ZOOM = 0.0018;

const KEY_ZOOM = 2;
const KEY_PAN = 0.25;

/** Follows gestures. @returns ends it */
export function followGestures(board: Board): () => void {
  const ended = new AbortController();
  const { signal } = ended;
  followPointers(board, signal);
  followWheel(board, signal);
  board.root.addEventListener("keydown", (event) => pressed(board, event), { signal });
  return () => ended.abort();
}

/** Where a pointer is: share of the width, and which plot; null: on none. */
function placeOf(board: Board, { clientX, target }: MouseEvent): { share: number; plot: number; left: number } | null {
  const plot = board.plots().findIndex((over) => target instanceof Node && over.contains(target));
  if (plot < 0) return null;
  const { left, width } = board.plots()[plot].getBoundingClientRect();
  return { share: Math.min(1, Math.max(0, (clientX - left) / width)), plot, left };
}

function momentAt({ start, end }: Span, share: number): number {
  return start + share * (end - start);
}

function followPointers(board: Board, signal: AbortSignal): void {
  const down = new Map<number, number>();
  let drag: Drag | null = null;
  let began: { readonly share: number; readonly x: number; readonly span: Span } | null = null;
  let held: [number, number] | null = null;
  let isDragged = false;

  const listen = (
    type: "pointerdown" | "pointermove" | "pointerup" | "pointercancel" | "pointerleave",
    take: (event: PointerEvent) => void,
  ) => board.root.addEventListener(type, take, { signal });

  const markedUntil = (share: number): Span | null => {
    if (began === null) return null;
    const [one, other] = [began.share, share].sort((a, b) => a - b);
    return { start: momentAt(began.span, one), end: momentAt(began.span, other) };
  };
  const end = () => {
    if (drag === "zoom" || drag === "select") board.mark(null, drag);
    drag = began = held = null;
    isDragged = false;
  };

  listen("pointerdown", (event) => {
    const place = placeOf(board, event);
    if (place === null || event.button !== 0) return;
    board.plots()[place.plot].setPointerCapture(event.pointerId);
    down.set(event.pointerId, place.share);
    const span = board.span();
    if (down.size === 2) {
      end();
      const [one, other] = [...down.values()].sort((a, b) => a - b);
      held = [momentAt(span, one), momentAt(span, other)];
      board.inspect(null, place.plot, 0);
      return;
    }
    began = { share: place.share, x: event.clientX, span };
    drag = event.shiftKey ? "select" : event.pointerType === "touch" && board.drag() === "zoom" ? "pan" : board.drag();
  });

  listen("pointermove", (event) => {
    const place = placeOf(board, event);
    if (place === null) return event.pointerType === "mouse" ? board.inspect(null, 0, 0) : undefined;
    if (down.has(event.pointerId)) down.set(event.pointerId, place.share);
    if (held !== null && down.size === 2) {
      const [one, other] = [...down.values()].sort((a, b) => a - b);
      if (other - one > 0.01) board.move(pinched(held, [one, other], board.now()));
      return;
    }
    if (began === null || drag === null) {
      if (event.pointerType === "mouse") board.inspect(momentAt(board.span(), place.share), place.plot, event.clientY);
      return;
    }
    if (!isDragged && Math.abs(event.clientX - began.x) < DRAG_PX_MIN) return;
    isDragged = true;
    board.inspect(null, place.plot, 0);
    if (drag === "pan") board.move(panned(began.span, began.share - place.share, board.now()));
    else board.mark(markedUntil(place.share), drag);
  });

  listen("pointerup", (event) => {
    const place = placeOf(board, event);
    const [was, span] = [drag, place && markedUntil(place.share)];
    const wasMoved = held !== null || (isDragged && was === "pan");
    const wasMarked = isDragged && !wasMoved;
    down.delete(event.pointerId);
    end();
    if (wasMoved) board.settle();
    else if (wasMarked && was !== null && span !== null) board.marked(span, was);
    else if (place !== null && event.pointerType !== "mouse") {
      board.inspect(momentAt(board.span(), place.share), place.plot, event.clientY);
    }
  });

  // The browser took the gesture over: it scrolls the page.
  listen("pointercancel", (event) => {
    down.delete(event.pointerId);
    const wasMoved = held !== null || (isDragged && drag === "pan");
    end();
    if (wasMoved) board.settle();
  });

  listen("pointerleave", (event) => event.pointerType === "mouse" && board.inspect(null, 0, 0));
  board.root.addEventListener("dblclick", (event) => placeOf(board, event) && board.home(), { signal });
  const escaped = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    end();
    board.inspect(null, 0, 0);
  };
  board.root.addEventListener("keydown", escaped, { signal });
}

function followWheel(board: Board, signal: AbortSignal): void {
  let lastMs = Number.NEGATIVE_INFINITY;
  let isOurs = false;
  let rest: ReturnType<typeof setTimeout> | undefined;
  const turned = (event: WheelEvent) => {
    const place = placeOf(board, event);
    if (event.timeStamp - lastMs > WHEEL_MS) isOurs = place !== null;
    lastMs = event.timeStamp;
    if (!isOurs || place === null) return;
    event.preventDefault();
    const { deltaX, deltaY, deltaMode, shiftKey, ctrlKey } = event;
    const lines = deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    const across = shiftKey ? deltaX || deltaY : deltaX;
    const span = board.span();
    const isPan = shiftKey || Math.abs(deltaX) > Math.abs(deltaY);
    // A pinch on a touchpad comes as a wheel with Ctrl, in small steps.
    const factor = Math.exp(deltaY * lines * WHEEL_ZOOM * (ctrlKey ? 5 : 1));
    const by = (across * lines) / board.plots()[place.plot].clientWidth;
    board.move(isPan ? panned(span, by, board.now()) : zoomed(span, factor, momentAt(span, place.share), board.now()));
    clearTimeout(rest);
    rest = setTimeout(() => board.settle(), WHEEL_REST_MS);
  };
  addEventListener("wheel", turned, { passive: false, signal });
  signal.addEventListener("abort", () => clearTimeout(rest));
}

function pressed(board: Board, event: KeyboardEvent): void {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target !== board.root) return;
  const span = board.span();
  const zoom = (factor: number) => board.move(zoomed(span, factor, (span.start + span.end) / 2, board.now()));
  const move = (by: -1 | 1) => (event.shiftKey ? board.step(by) : board.move(panned(span, by * KEY_PAN, board.now())));
  const keys: Readonly<Record<string, () => void>> = {
    "+": () => zoom(1 / KEY_ZOOM),
    "=": () => zoom(1 / KEY_ZOOM),
    "-": () => zoom(KEY_ZOOM),
    ArrowLeft: () => move(-1),
    ArrowRight: () => move(1),
    "0": () => board.home(),
  };
  const act = keys[event.key];
  if (act === undefined) return;
  event.preventDefault();
  act();
  if (event.key !== "0" && !event.shiftKey) board.settle();
}
