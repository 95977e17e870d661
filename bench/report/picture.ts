/** Cost against size as small multiples with logarithmic axes: one SVG by hand, readable in light and dark surroundings. */

export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Panel {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly curves: readonly Curve[];
  /** Each curve's slope in words, under the title. */
  readonly words: readonly string[];
}

const WIDTH = 420;
const HEIGHT = 310;
const LEFT = 58;
const RIGHT = 16;
const TOP = 76;
const BOTTOM = 46;
const COLUMNS = 2;
const CAPTION = "Both axes logarithmic; drawn by npm run bench.";
/** Told apart also by those who see few colours (Okabe and Ito, 2008); lighter on a dark ground. */
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"];
const COLORS_ON_DARK = ["#56b4e9", "#ff9a4d", "#2fd19f", "#e6a3cb", "#f0c05a"];
/** Up to so many decades an axis also shows 2 and 5. */
const FINE_DECADES_MAX = 2;

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** 1000 → 1k, 10⁶ → 1M; small ones as they are. */
export function short(value: number): string {
  for (const [size, letter] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (value >= size) return `${Number((value / size).toPrecision(3))}${letter}`;
  }
  return String(Number(value.toPrecision(3)));
}

/** Whole decades around the values. */
function decades(values: readonly number[]): [low: number, high: number] {
  const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
  const high = Math.ceil(Math.log10(Math.max(...values)) - 1e-9);
  return [low, Math.max(high, low + 1)];
}

/** Where an axis has lines, and which of them have numbers. */
function ticks([low, high]: readonly [low: number, high: number]): [value: number, shown: boolean][] {
  const every = Math.ceil((high - low) / 8);
  const out: [number, boolean][] = [];
  for (let d = low; d <= high; d++) {
    out.push([10 ** d, (d - low) % every === 0]);
    if (high - low <= FINE_DECADES_MAX && d < high) out.push([2 * 10 ** d, true], [5 * 10 ** d, true]);
  }
  return out;
}

/** The rules of the curves' colours. */
function colorRules(colors: readonly string[]): string {
  return colors.map((color, i) => `.line.c${i} { stroke: ${color}; } .dot.c${i} { fill: ${color}; }`).join(" ");
}

class Plot {
  readonly #panel: Panel;
  readonly #x: [number, number];
  readonly #y: [number, number];

  constructor(panel: Panel) {
    this.#panel = panel;
    const points = panel.curves.flatMap((curve) => [...curve.points]);
    this.#x = decades(points.map(([x]) => x));
    this.#y = decades(points.map(([, y]) => y));
  }

  #px(x: number): number {
    const [low, high] = this.#x;
    return LEFT + ((Math.log10(x) - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
  }

  #py(y: number): number {
    const [low, high] = this.#y;
    return HEIGHT - BOTTOM - ((Math.log10(y) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  }

  #axes(): string[] {
    const out: string[] = [];
    for (const [value, shown] of ticks(this.#x)) {
      const x = this.#px(value).toFixed(1);
      out.push(`<path class="grid" d="M${x} ${TOP}V${HEIGHT - BOTTOM}"/>`);
      if (!shown) continue;
      const y = HEIGHT - BOTTOM + 14;
      out.push(`<text class="tick" x="${x}" y="${y}" text-anchor="middle">${short(value)}</text>`);
    }
    for (const [value, shown] of ticks(this.#y)) {
      const y = this.#py(value).toFixed(1);
      out.push(`<path class="grid" d="M${LEFT} ${y}H${WIDTH - RIGHT}"/>`);
      if (!shown) continue;
      out.push(`<text class="tick" x="${LEFT - 5}" y="${Number(y) + 3}" text-anchor="end">${short(value)}</text>`);
    }
    const middle = (TOP + HEIGHT - BOTTOM) / 2;
    out.push(
      `<text class="axis" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${escaped(this.#panel.x)}</text>`,
    );
    out.push(
      `<text class="axis" transform="rotate(-90 13 ${middle})" x="13" y="${middle}" text-anchor="middle">${escaped(this.#panel.y)}</text>`,
    );
    return out;
  }

  draw(): string {
    const out = [
      `<text class="title" x="${LEFT}" y="18">${escaped(this.#panel.title)}</text>`,
      ...this.#panel.words.map((words, i) => {
        const color = this.#panel.curves.length > 1 ? ` class="dot c${i % COLORS.length}"` : ` class="words"`;
        return `<text${color} font-size="11" x="${LEFT}" y="${34 + i * 14}">${escaped(words)}</text>`;
      }),
      ...this.#axes(),
    ];
    let legend = LEFT;
    for (const [i, { name, points }] of this.#panel.curves.entries()) {
      const color = i % COLORS.length;
      const path = points.map(
        ([x, y], p) => `${p === 0 ? "M" : "L"}${this.#px(x).toFixed(1)} ${this.#py(y).toFixed(1)}`,
      );
      out.push(`<path d="${path.join("")}" class="line c${color}"/>`);
      for (const [x, y] of points) {
        const label = `<title>${escaped(name)}: ${short(x)} → ${short(y)}</title>`;
        out.push(
          `<circle cx="${this.#px(x).toFixed(1)}" cy="${this.#py(y).toFixed(1)}" r="3" class="dot c${color}">${label}</circle>`,
        );
      }
      out.push(`<rect x="${legend}" y="${TOP - 18}" width="9" height="9" class="dot c${color}"/>`);
      out.push(`<text class="tick" x="${legend + 12}" y="${TOP - 10}">${escaped(name)}</text>`);
      legend += 22 + name.length * 5.6;
    }
    return out.join("\n");
  }
}

/** The whole picture. */
export function draw(panels: readonly Panel[]): string {
  const rows = Math.ceil(panels.length / COLUMNS);
  const width = WIDTH * COLUMNS;
  const height = HEIGHT * rows + 24;
  const parts = panels.map((panel, i) => {
    const x = (i % COLUMNS) * WIDTH;
    const y = Math.floor(i / COLUMNS) * HEIGHT;
    return `<g transform="translate(${x} ${y})">\n${new Plot(panel).draw()}\n</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="cost against size">
<style>
text { font-family: system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 13px; font-weight: 600; } .words { font-size: 11px; fill: #57606a; } .axis { font-size: 11px; } .tick { font-size: 10px; }
.grid { stroke: #d0d7de; stroke-width: 0.7; } .ground { fill: #ffffff; } .line { fill: none; stroke-width: 2; }
${colorRules(COLORS)}
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .words { fill: #9da7b3; } .grid { stroke: #30363d; } .ground { fill: #0d1117; } ${colorRules(COLORS_ON_DARK)} }
</style>
<rect class="ground" width="${width}" height="${height}"/>
${parts.join("\n")}
<text class="words" x="${LEFT}" y="${height - 8}">${CAPTION}</text>
</svg>
`;
}
