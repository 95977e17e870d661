/** Colours of a terminal. */

/** SGR parameters (ECMA-48, 8.3.117). */
const STYLES = {
  bold: 1,
  dim: 2,
  inverse: 7,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
} as const;

/** What a text may look like. */
export type Style = keyof typeof STYLES;

/** Gives a text its look, or not. */
export type Paint = (style: Style, text: string) => string;

const painted: Paint = (style, text) => `\x1b[${STYLES[style]}m${text}\x1b[0m`;
const plain: Paint = (_style, text) => text;

/** Texts with colours, or as they are. */
export function paintIn(color: boolean): Paint {
  return color ? painted : plain;
}
