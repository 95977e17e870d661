/** Before the first reading: the lines that send one, ready to paste. */
import { element, setText } from "../dom.ts";
import type { Context } from "../page.ts";
import { hrefOf } from "../router.ts";
import { LANGUAGES, type Language, languageOf, snippet } from "./snippets.ts";

/** Named in the lines where the server has no list of sensors of its own. */
const EXAMPLE = "temperature";

/** A part of the page "Now". */
export interface FirstRun {
  readonly root: HTMLElement;
  update(params: URLSearchParams): void;
}

/** Makes it; it is shown while nothing was ever received. */
export function firstRun({ live, about, announce }: Context): FirstRun {
  const code = element("code");
  const tabs = Object.entries(LANGUAGES).map(([language, title]) =>
    element("a", { href: hrefOf("now", { in: language }) }, title),
  );
  const copy = element("button", { class: "quiet" }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      setText(copy, "Copied");
      announce("Copied");
    } catch {
      getSelection()?.selectAllChildren(code); // a page that came without TLS from another machine has no clipboard
    }
  });
  const pre = element("pre", { tabindex: 0, "aria-label": "Lines to paste" }, code);
  const hint = element(
    "p",
    { class: "hint" },
    "The server wants its token: put the one that it was started with into ",
    element("code", {}, "TIDEMARK_TOKEN"),
    " first.",
  );
  const root = element(
    "section",
    { class: "first", "aria-labelledby": "first-title" },
    element("h2", { id: "first-title" }, "No reading has come yet"),
    element("p", {}, "Paste this into a terminal: the sensor appears here the moment its first reading is stored."),
    about.token ? hint : null,
    element("div", { class: "tabs" }, element("nav", { "aria-label": "Languages" }, ...tabs), copy),
    element("div", { class: "paste" }, pre),
  );
  root.hidden = true;
  return {
    root,
    update(params) {
      const language: Language = languageOf(params.get("in"));
      const [sensor = EXAMPLE] = live.rows.keys();
      Object.keys(LANGUAGES).forEach((name, i) => {
        if (name === language) tabs[i].setAttribute("aria-current", "true");
        else tabs[i].removeAttribute("aria-current");
      });
      setText(copy, "Copy");
      setText(code, snippet(language, new URL(`readings/${sensor}`, document.baseURI).href, about.token));
    },
  };
}
