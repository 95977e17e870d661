/** A canvas of braille dots: two across and four down in each cell of a terminal (Unicode, block Braille Patterns). */
import type { Paint, Style } from "./paint.ts";

/** The pattern without dots. */
const BLANK = 0x2800;

/** The bit of each dot of a cell, by row, then column. */
const BITS: readonly (readonly [number, number])[] = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
];

/** Dots with a look for each cell: that of what was drawn over the rest. */
export class Canvas {
  /** In dots. */
  readonly width: number;
  readonly height: number;
  readonly #columns: number;
  readonly #dots: Uint8Array;
  readonly #styles: (Style | undefined)[];

  /** @param columns @param rows in cells */
  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.width = columns * 2;
    this.height = rows * 4;
    this.#dots = new Uint8Array(columns * rows);
    this.#styles = new Array<Style | undefined>(columns * rows);
  }

  /** Sets a dot, counted from the upper left corner; none beyond the canvas. */
  dot(x: number, y: number, style: Style): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const cell = (y >> 2) * this.#columns + (x >> 1);
    this.#dots[cell] |= BITS[y & 3][x & 1];
    this.#styles[cell] = style;
  }

  /** Takes a dot away. */
  clear(x: number, y: number): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    this.#dots[(y >> 2) * this.#columns + (x >> 1)] &= ~BITS[y & 3][x & 1];
  }

  /** Calls `at` with each dot of a straight line (Bresenham 1965). */
  line(x0: number, y0: number, x1: number, y1: number, at: (x: number, y: number) => void): void {
    const [across, down] = [Math.abs(x1 - x0), -Math.abs(y1 - y0)];
    let error = across + down;
    for (let [x, y] = [x0, y0]; ; ) {
      at(x, y);
      if (x === x1 && y === y1) return;
      const twice = 2 * error;
      if (twice >= down) {
        error += down;
        x += Math.sign(x1 - x0);
      }
      if (twice <= across) {
        error += across;
        y += Math.sign(y1 - y0);
      }
    }
  }

  /** Its rows from the top, each as wide as the canvas; runs of one look are painted at once. */
  rows(paint: Paint): string[] {
    const rows: string[] = [];
    for (let start = 0; start < this.#dots.length; start += this.#columns) {
      let row = "";
      for (let at = start; at < start + this.#columns; ) {
        const style = this.#styles[at];
        let run = "";
        while (at < start + this.#columns && this.#styles[at] === style) {
          const dots = this.#dots[at++];
          run += dots === 0 ? " " : String.fromCharCode(BLANK + dots);
        }
        row += style === undefined ? run : paint(style, run);
      }
      rows.push(row);
    }
    return rows;
  }
}
