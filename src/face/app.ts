/** Where the browser begins: the frame at once, the stream and the server's facts side by side, then the page that the address names. */
import { Api } from "./api.ts";
import { element } from "./dom.ts";
import { startFrame } from "./frame.ts";
import { Live } from "./live.ts";
import type { About, Context, Mounted } from "./page.ts";
import { PAGES } from "./pages.ts";
import { hrefOf, Router } from "./router.ts";
import { ServerTime } from "./server-time.ts";
import { Theme } from "./theme.ts";
import { askToken } from "./token.ts";

const theme = new Theme();

let asking: Promise<void> | null = null;
const api: Api = new Api(() => {
  asking ??= askToken(api).finally(() => {
    asking = null;
  });
  return asking;
});
const first = api.json<About>("about");
// An EventSource does not tell why it was refused: the same request does, and asks for the token where that is the reason.
const live = new Live(async () => {
  const end = new AbortController();
  await api.fetch("live", { signal: end.signal });
  end.abort();
});
const frame = startFrame(live, theme);

/** The page that is shown; null while it is loaded. */
let shown: { readonly name: string; readonly mounted: Mounted | null } | null = null;

async function start(): Promise<void> {
  const about = await first;
  const time = new ServerTime(about.timezone, Date.parse(about.time));
  live.subscribe((event) => time.set(event.time));
  frame.setTime(time);
  frame.footer.append(...footer(about));
  const router: Router = new Router(PAGES[0].name, (name, params) =>
    show(name, params, { url: router, api, live, time, theme, about, announce: frame.announce }),
  );
  router.read();
}

function show(name: string, params: URLSearchParams, context: Context): void {
  const entry = PAGES.find((page) => page.name === name);
  if (shown !== null && entry?.name === shown.name) {
    shown.mounted?.update(params);
    return;
  }
  const isFirst = shown === null;
  shown?.mounted?.unmount();
  frame.main.replaceChildren();
  frame.show(entry?.name ?? "");
  shown = { name: entry?.name ?? "", mounted: null };
  if (entry === undefined) {
    showFault(`There is no page "${name}" here.`);
    return;
  }
  document.title = `${entry.title} · tidemark`;
  const root = frame.main.appendChild(element("div", { class: `page ${entry.name}` }));
  Promise.all([entry.load(), ...(entry.styles ?? []).map(addStyle)]).then(
    ([{ page }]) => {
      if (!root.isConnected) return; // another page was chosen meanwhile
      shown = { name: entry.name, mounted: page.mount(root, context) };
      shown.mounted?.update(context.url.params);
      if (!isFirst) {
        scrollTo(0, 0);
        frame.main.focus({ preventScroll: true });
        frame.announce(entry.title);
      }
    },
    () => showFault(`The page "${entry.title}" could not be loaded: the server may have another version by now.`, true),
  );
}

/** Adds a style sheet, once; resolves when it is in force. */
function addStyle(path: string): Promise<void> {
  const href = `page/${path}`;
  if (document.head.querySelector(`link[href="${href}"]`) !== null) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const onerror = (): void => {
      link.remove();
      reject(new Error(`Cannot load ${href}`));
    };
    const link = element("link", { rel: "stylesheet", href, onload: () => resolve(), onerror });
    document.head.append(link);
  });
}

function showFault(sentence: string, reload = false): void {
  const next = reload
    ? element("button", { class: "primary", onclick: () => location.reload() }, "Load again")
    : element("a", { href: hrefOf(PAGES[0].name) }, PAGES[0].title);
  frame.main.replaceChildren(element("div", { class: "page empty" }, element("p", { role: "alert" }, sentence), next));
}

function footer({ version, timezone, token }: About): Node[] {
  const facts = element("span", {}, `tidemark ${version} · all times in ${timezone}, the zone of the server`);
  const docs = element("a", { href: "docs" }, "The API");
  if (!token) return [facts, docs];
  const leave = () => api.fetch("session", { method: "DELETE" }).then(() => location.reload());
  return [facts, docs, element("button", { class: "quiet", onclick: leave }, "Sign out")];
}

start().catch((error: unknown) => showFault(`${error instanceof Error ? error.message : String(error)}.`, true));
