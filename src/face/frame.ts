/** What is around every page: navigation, whether what is seen is live and why not, the server's clock. */
import { plural } from "../core/figures.ts";
import { element, setText } from "./dom.ts";
import type { Live } from "./live.ts";
import { PAGES } from "./pages.ts";
import { hrefOf } from "./router.ts";
import type { ServerTime } from "./server-time.ts";
import type { Theme } from "./theme.ts";

/** Said by the pill. */
const WORDS = { connecting: "CONNECTING", live: "LIVE", paused: "PAUSED", offline: "OFFLINE" };

/** The frame, in the document. */
export interface Frame {
  /** Where the page is. */
  readonly main: HTMLElement;
  /** Marks a page in the navigation. */
  show(page: string): void;
  /** From now on the clock runs. */
  setTime(time: ServerTime): void;
  announce(sentence: string): void;
  /** At the end of all pages. */
  readonly footer: HTMLElement;
}

/** Puts the frame into the document. */
export function startFrame(live: Live, theme: Theme): Frame {
  const links = PAGES.map(({ name, title }) => element("a", { href: hrefOf(name) }, title));
  const said = element("div", { class: "unseen", role: "status" });
  const clock = element("time", { class: "clock" });
  const zone = element("span", { class: "zone" });
  const main = element("main", { id: "main", tabindex: -1 });
  const footer = element("footer");
  const skip = element("a", { class: "skip", href: "#main" }, "To the page");
  skip.addEventListener("click", (event) => {
    event.preventDefault(); // the hash is the address of the page
    main.focus();
  });
  document.body.replaceChildren(
    skip,
    element(
      "header",
      {},
      element("a", { class: "brand", href: hrefOf(PAGES[0].name) }, "tidemark"),
      element("nav", { "aria-label": "Pages" }, ...links),
      element("p", { class: "when" }, clock, " ", zone),
      theme.button(),
    ),
    element("div", { class: "strip" }, ...stateLine(live, said)),
    main,
    footer,
    said,
  );
  const health = PAGES.findIndex(({ name }) => name === "health");
  const badge = links[health].appendChild(element("b", { class: "badge", hidden: true }));
  live.subscribe(({ alerts }) => {
    const on = alerts?.on ?? 0;
    badge.hidden = on === 0;
    setText(badge, plural(on, "alert"));
  });
  return {
    main,
    footer,
    show(page) {
      PAGES.forEach(({ name }, i) => {
        if (name === page) links[i].setAttribute("aria-current", "page");
        else links[i].removeAttribute("aria-current");
      });
    },
    setTime(time) {
      setText(zone, time.zone.name);
      const tick = () => setText(clock, time.clock(time.now()));
      tick();
      setInterval(tick, 1000);
    },
    announce: (sentence) => setText(said, sentence),
  };
}

/** Whether what is seen is live, and the button that holds it. */
function stateLine(live: Live, said: HTMLElement): HTMLElement[] {
  const word = element("strong");
  const reason = element("span", { class: "reason" });
  let letGo: (() => void) | null = null;
  const button = element("button", { class: "quiet" }, "Pause");
  button.addEventListener("click", () => {
    if (letGo === null) letGo = live.hold("by you");
    else {
      letGo();
      letGo = null;
    }
    setText(button, letGo === null ? "Pause" : "Go on");
  });
  const line = element("p", { class: "state" }, word, reason);
  live.onState(({ mode, reason: why }) => {
    if (line.dataset["mode"] !== undefined && line.dataset["mode"] !== mode) setText(said, `${WORDS[mode]}: ${why}`);
    line.dataset["mode"] = mode;
    document.body.dataset["mode"] = mode;
    setText(word, WORDS[mode]);
    setText(reason, why);
  });
  return [line, button];
}
