/** Texts with names in braces, `{host}/{probe}`, that are filled with what an input has under those names. */

/** One: texts and names in turn. */
export interface NameTemplate {
  /** As it was written. */
  readonly source: string;
  /** One more than `names`: what stands before, between and behind them. */
  readonly texts: readonly string[];
  readonly names: readonly string[];
}

/** @returns null when braces do not match, or one is empty, or there is nothing in it */
export function parseTemplate(source: string): NameTemplate | null {
  const parts = source.split(/\{([^{}]+)\}/);
  const texts = parts.filter((_, i) => i % 2 === 0);
  const names = parts.filter((_, i) => i % 2 === 1);
  if (source === "" || texts.some((text) => /[{}]/.test(text))) return null;
  return { source, texts, names };
}

/** The template with each name's text in its place; null when one of them is missing. @param find the text of a name */
export function fillTemplate(template: NameTemplate, find: (name: string) => string | undefined): string | null {
  let filled = template.texts[0];
  for (const [i, name] of template.names.entries()) {
    const text = find(name);
    if (text === undefined) return null;
    filled += text + template.texts[i + 1];
  }
  return filled;
}
