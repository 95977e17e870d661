/** The page at `/docs`: every operation of `/openapi.json`, and a form that tries it. The one that is shown is in the address. */
import { Api } from "../api.ts";
import { element, setText } from "../dom.ts";
import { Theme } from "../theme.ts";
import { askToken } from "../token.ts";
import { type Description, type Route, routesOf } from "./openapi.ts";
import { operationView } from "./operation-view.ts";
import { pathNodes, prose } from "./words.ts";

const theme = new Theme();
const api: Api = new Api(() => askToken(api));
const main = element("main", { id: "main", tabindex: -1 });
const skip = element("a", { class: "skip", href: "#main" }, "To the operation");
skip.addEventListener("click", (event) => {
  event.preventDefault(); // the hash names the operation
  main.focus();
});
const nav = element("nav", { class: "operations", "aria-label": "Operations" });
document.body.replaceChildren(
  skip,
  element(
    "header",
    {},
    element("a", { class: "brand", href: "./" }, "tidemark"),
    element(
      "nav",
      { "aria-label": "Pages" },
      element("a", { href: "./" }, "Dashboard"),
      element("a", { href: "docs", "aria-current": "page" }, "API"),
    ),
    element("a", { class: "spec", href: "openapi.json" }, "openapi.json"),
    theme.button(),
  ),
  element("div", { class: "docs" }, nav, main),
);

async function start(): Promise<void> {
  const description = await api.json<Description>("openapi.json");
  const routes = routesOf(description);
  const links = fillNavigation(description, routes);
  const show = (isFirst: boolean) => {
    const named = routes.find(({ operation }) => `#${operation.operationId}` === location.hash);
    for (const [route, link] of links) {
      if (route === named) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = named === undefined ? "API · tidemark" : `${named.method} ${named.path} · tidemark`;
    main.replaceChildren(named === undefined ? overview(description) : operationView(description, named));
    if (!isFirst) {
      scrollTo(0, 0);
      main.querySelector<HTMLElement>("#operation")?.focus({ preventScroll: true });
    }
    const menu = nav.querySelector("details");
    if (menu !== null && matchMedia("(max-width: 900px)").matches) menu.open = named === undefined;
  };
  addEventListener("hashchange", () => show(false));
  show(true);
}

/** Groups of links, and a field that narrows them. */
function fillNavigation(description: Description, routes: readonly Route[]): Map<Route, HTMLAnchorElement> {
  const links = new Map(
    routes.map((route) => {
      const { method, path, operation } = route;
      const href = `docs#${operation.operationId}`;
      return [
        route,
        element(
          "a",
          { href, title: operation.summary },
          element("span", { class: `method ${method.toLowerCase()}` }, method),
          element("span", {}, ...pathNodes(path)),
        ),
      ];
    }),
  );
  const groups = description.tags.map(({ name }) => {
    const own = [...links].filter(([{ operation }]) => operation.tags[0] === name).map(([, link]) => link);
    return element("div", { class: "group" }, element("h2", {}, name), ...own);
  });
  const find = element("input", { type: "search", "aria-label": "Find an operation", placeholder: "Find …" });
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    for (const [{ method, path, operation }, link] of links) {
      link.hidden = !`${method} ${path} ${operation.summary}`.toLowerCase().includes(wanted);
    }
    for (const group of groups) group.hidden = group.querySelector("a:not([hidden])") === null;
  });
  nav.append(element("details", { open: true }, element("summary", {}, "Operations"), find, ...groups));
  return links;
}

function overview({ info, tags }: Description): HTMLElement {
  const groups = tags.flatMap(({ name, description }) => [element("dt", {}, name), element("dd", {}, description)]);
  return element(
    "div",
    { class: "overview" },
    element("h1", { id: "operation", tabindex: -1 }, `The API of tidemark ${info.version}`),
    ...prose(info.description),
    element("dl", {}, ...groups),
    element("p", {}, "For programs: ", element("a", { href: "openapi.json" }, "openapi.json"), " (OpenAPI 3.1)."),
  );
}

start().catch((error: unknown) => {
  const fault = element("p", { class: "fault", role: "alert" });
  setText(fault, `${error instanceof Error ? error.message : String(error)}.`);
  main.replaceChildren(element("div", { class: "empty" }, fault));
});
