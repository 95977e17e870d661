/** Paths of `/` with `{name}` captures and `{name...}` for the rest: the one syntax for topics and for places in payloads. */

/** What captures hold. Names are those of a map, so there are few. */
export type Captures = Readonly<Record<string, string>>;

/** Adds a capture to those that hold so far; null when it holds another text already. */
export function bound(captures: Captures, name: string, text: string): Captures | null {
  const held = captures[name];
  if (held !== undefined) return held === text ? captures : null;
  return { ...captures, [name]: text };
}

/** One level of a path. */
export type Segment =
  | { readonly kind: "key"; readonly text: string }
  /** A text with captures in it, `temperature:{n}`; `isWhole`: it is nothing but one. */
  | { readonly kind: "captures"; readonly names: readonly string[]; readonly source: string; readonly isWhole: boolean }
  /** `{name...}`: one level and all behind it. */
  | { readonly kind: "rest"; readonly name: string };

/** A path that cannot be one; its message says what was expected. */
export class PathFault extends Error {}

const CAPTURE = /\{([^{}]*)\}/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

/** `a/{b}/c:{d}/{e...}` → its levels; "" has none. `~1` is a slash within a level, `~0` a tilde (RFC 6901). @throws PathFault */
export function segmentsOf(path: string): Segment[] {
  if (path === "") return [];
  const segments = path.split("/").map(segmentOf);
  if (segments.filter(({ kind }) => kind === "rest").length > 1) throw new PathFault("one {name...} at most");
  return segments;
}

function segmentOf(text: string): Segment {
  const rest = /^\{([^{}]*)\.\.\.\}$/.exec(text);
  if (rest !== null) return { kind: "rest", name: nameOf(rest[1]) };
  const names = [...text.matchAll(CAPTURE)].map((match) => nameOf(match[1]));
  if (/[{}]/.test(text.replaceAll(CAPTURE, ""))) throw new PathFault("each { with its }");
  if (names.length === 0) return { kind: "key", text: unescaped(text) };
  if (/\}\{/.test(text)) throw new PathFault("something between two captures");
  const source = text.split(CAPTURE).map((part, i) => (i % 2 === 1 ? "([^/]+?)" : quoted(unescaped(part))));
  return { kind: "captures", names, source: source.join(""), isWhole: text === `{${names[0]}}` };
}

function nameOf(text: string): string {
  if (NAME.test(text)) return text;
  throw new PathFault(`captures such as {device} or, for all that follows, {device...}, was {${text}}`);
}

function unescaped(text: string): string {
  return text.replaceAll("~1", "/").replaceAll("~0", "~");
}

function quoted(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** Longer topics are nobody's: what captures try grows with the square of it. */
const TOPIC_LENGTH_MAX = 1024;

/** Which topics a map is for. */
export class TopicPattern {
  readonly text: string;
  readonly names: readonly string[];
  /** The topic filter of MQTT that brings all of them. */
  readonly filter: string;
  readonly #pattern: RegExp;

  /** @throws PathFault */
  constructor(text: string) {
    this.text = text;
    if (text === "" || Buffer.byteLength(text) > 65_535) throw new PathFault("a topic such as tele/{node}/SENSOR");
    const levels = text.split("/");
    const names: string[] = [];
    const filter: string[] = [];
    let source = "";
    let isWide = false;
    levels.forEach((level, i) => {
      const slash = i === 0 ? "" : "\\/";
      const isLast = i === levels.length - 1;
      if (level === "#") {
        // Zero levels or more, with the slash that they bring: "a/#" is "a", too.
        source += isLast ? (i === 0 ? ".*" : "(?:\\/.*)?") : `${slash}(?:.*\\/)?`;
        if (!isWide) filter.push("#");
        isWide = true;
        return;
      }
      // Behind "#/" the slash is there already.
      const before = levels[i - 1] === "#" ? "" : slash;
      const segment: Segment =
        level === "+" ? { kind: "captures", names: [], source: "[^/]+", isWhole: false } : segmentOf(level);
      if (segment.kind === "key") source += before + quoted(segment.text);
      else if (segment.kind === "captures") source += before + segment.source;
      else source += `${before}(.+)`;
      if (segment.kind === "captures") names.push(...segment.names);
      if (segment.kind === "rest") names.push(segment.name);
      if (isWide) return;
      if (segment.kind === "rest") isWide = true;
      filter.push(segment.kind === "key" ? segment.text : segment.kind === "rest" ? "#" : "+");
    });
    if (new Set(names).size < names.length) throw new PathFault("each capture once");
    if (levels.filter((level) => level === "#" || level.endsWith("...}")).length > 2) {
      throw new PathFault("at most two of # and {name...}");
    }
    this.names = names;
    this.filter = filter.join("/");
    this.#pattern = new RegExp(`^${source}$`, "s");
  }

  /** What the captures hold; null: it is another topic. */
  match(topic: string): Captures | null {
    const match = topic.length > TOPIC_LENGTH_MAX ? null : this.#pattern.exec(topic);
    if (match === null) return null;
    return Object.fromEntries(this.names.map((name, i) => [name, match[i + 1]]));
  }
}

/** A text with captures in it, `{node}/{probe}`: what a device, a sensor or an id is made of. */
export class Template {
  readonly text: string;
  readonly names: readonly string[];
  readonly #parts: readonly string[];

  /** @throws PathFault */
  constructor(text: string) {
    this.text = text;
    if (/[{}]/.test(text.replaceAll(CAPTURE, ""))) throw new PathFault("each { with its }");
    this.#parts = text.split(CAPTURE);
    this.names = this.#parts.flatMap((part, i) => (i % 2 === 1 ? nameOf(part) : []));
  }

  /** The text; or what is missing for it. */
  fill(captures: Captures): string | { readonly missing: string } {
    let text = "";
    for (const [i, part] of this.#parts.entries()) {
      if (i % 2 === 0) {
        text += part;
        continue;
      }
      const held = captures[part];
      if (held === undefined) return { missing: part };
      text += held;
    }
    return text;
  }
}
