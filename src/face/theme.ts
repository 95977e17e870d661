/** Light or dark: as the system has it, unless this browser was told otherwise. */
import { drawing, element } from "./dom.ts";

const KEY = "tidemark-theme";

/** What is chosen, and who draws with it. */
export class Theme {
  readonly #dark = matchMedia("(prefers-color-scheme: dark)");
  readonly #listeners = new Set<() => void>();
  readonly #root = document.documentElement;

  /** Applies what was chosen before. */
  constructor() {
    const chosen = remembered();
    if (chosen !== null) this.#root.dataset["theme"] = chosen;
    this.#dark.addEventListener("change", () => this.#tell());
  }

  /** A colour of style.css as it is now, for what is drawn and not styled: `colour("--accent")` → `rgb(…)`. */
  colour(property: string): string {
    const probe = element("i");
    probe.style.color = `var(${property})`;
    document.body.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }

  /** Adds a listener, called when colours have changed. @returns removes it */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The button that turns it over. */
  button(): HTMLElement {
    const icon = drawing(
      "svg",
      { viewBox: "0 0 16 16", "aria-hidden": "true" },
      drawing("circle", { cx: 8, cy: 8, r: 6 }),
      drawing("path", { d: "M8 2a6 6 0 0 1 0 12z", class: "half" }),
    );
    const name = "Light or dark";
    return element("button", { class: "icon", "aria-label": name, title: name, onclick: () => this.#turn() }, icon);
  }

  #turn(): void {
    const chosen = this.#root.dataset["theme"];
    const isDark = chosen === undefined ? this.#dark.matches : chosen === "dark";
    const next = isDark ? "light" : "dark";
    this.#root.dataset["theme"] = next;
    remember(next);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** A browser that keeps nothing for a site throws where others answer. */
function remembered(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function remember(theme: string): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It holds until the page is left.
  }
}
