/** Places in a payload: a path with captures → the values there. */
import { bound, type Captures, PathFault, type Segment, segmentsOf } from "./pattern.ts";

/** Longer keys match no captures within a level: what these try grows with the square of it. */
const KEY_LENGTH_MAX = 256;

/** A value of a payload, and where it is. */
export interface Found {
  readonly value: unknown;
  readonly captures: Captures;
  /** The keys that lead to it, as a path. */
  readonly path: string;
}

/** A part of a payload: the message whole, or an item of its list. */
export interface Part {
  readonly value: unknown;
  readonly path: string;
}

interface Pattern {
  readonly kind: "pattern";
  readonly names: readonly string[];
  readonly pattern: RegExp;
  /** The capture that is the whole level. */
  readonly whole: string | null;
}

type Step = Exclude<Segment, { kind: "captures" }> | Pattern;

/** Where something is in a payload. With a slash before it from the payload's own beginning, else from the item's. */
export class Place {
  readonly text: string;
  readonly isFromRoot: boolean;
  readonly names: readonly string[];
  readonly #steps: readonly Step[];

  /** @throws PathFault */
  constructor(text: string) {
    this.text = text;
    this.isFromRoot = text.startsWith("/");
    const segments = segmentsOf(this.isFromRoot ? text.slice(1) : text);
    const rest = segments.findIndex(({ kind }) => kind === "rest");
    if (rest >= 0 && rest < segments.length - 1) throw new PathFault("{name...} at the end of a place in a payload");
    this.#steps = segments.map((segment) => {
      if (segment.kind !== "captures") return segment;
      const { names, source, isWhole } = segment;
      const pattern = new RegExp(`^${source.replaceAll("[^/]", "[^]")}$`);
      return { kind: "pattern", names, pattern, whole: isWhole ? names[0] : null };
    });
    this.names = segments.flatMap((segment) =>
      segment.kind === "key" ? [] : segment.kind === "rest" ? segment.name : segment.names,
    );
  }

  /** All values there, at most `max`, in the payload's order. A capture that holds a text already is that text. */
  find(item: Part, root: Part, captures: Captures, max: number): Found[] {
    const found: Found[] = [];
    const start = this.isFromRoot ? root : item;
    this.#walk(start.value, start.path, 0, captures, found, max);
    return found;
  }

  /** The value there; undefined when there is none. */
  first(item: Part, root: Part, captures: Captures): Found | undefined {
    return this.find(item, root, captures, 1)[0];
  }

  #walk(value: unknown, path: string, at: number, captures: Captures, found: Found[], max: number): void {
    if (found.length >= max) return;
    if (at === this.#steps.length) {
      found.push({ value, captures, path });
      return;
    }
    if (typeof value !== "object" || value === null) return;
    const step = this.#steps[at];
    if (step.kind === "key") {
      if (Object.hasOwn(value, step.text)) {
        this.#walk(Reflect.get(value, step.text), joined(path, step.text), at + 1, captures, found, max);
      }
      return;
    }
    const next = this.#steps[at + 1];
    for (const key of Object.keys(value)) {
      const inner: unknown = Reflect.get(value, key);
      if (step.kind === "rest") {
        leaves(inner, key, joined(path, key), step.name, captures, found, max);
        continue;
      }
      // Most of an object's values lead nowhere: told before anything is made for them.
      if (next !== undefined && (typeof inner !== "object" || inner === null)) continue;
      if (next?.kind === "key" && !Object.hasOwn(inner as object, next.text)) continue;
      const more = step.whole === null ? captured(step, key, captures) : bound(captures, step.whole, key);
      if (more !== null) this.#walk(inner, joined(path, key), at + 1, more, found, max);
    }
  }
}

function captured({ names, pattern }: Pattern, key: string, captures: Captures): Captures | null {
  const match = key.length > KEY_LENGTH_MAX ? null : pattern.exec(key);
  if (match === null) return null;
  let more: Captures | null = captures;
  for (const [i, name] of names.entries()) more = more && bound(more, name, match[i + 1]);
  return more;
}

function joined(path: string, key: string): string {
  return path === "" ? key : `${path}/${key}`;
}

/** Everything below that holds nothing itself. JSON.parse bounds the depth by the payload's length, which the doors bound. */
function leaves(
  value: unknown,
  key: string,
  path: string,
  name: string,
  captures: Captures,
  found: Found[],
  max: number,
): void {
  const waiting: [value: unknown, key: string, path: string][] = [[value, key, path]];
  for (let next = waiting.pop(); next !== undefined && found.length < max; next = waiting.pop()) {
    const [each, text, at] = next;
    if (typeof each === "object" && each !== null) {
      const inner = Object.entries(each).map(([one, of]): [unknown, string, string] => [
        of,
        `${text}/${one}`,
        `${at}/${one}`,
      ]);
      waiting.push(...inner.reverse());
      continue;
    }
    const more = bound(captures, name, text);
    if (more !== null) found.push({ value: each, captures: more, path: at });
  }
}
