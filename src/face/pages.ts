/** Every page, in the order of the navigation; the first is shown when the address names none. */
import type { Page } from "./page.ts";

/** A line of the navigation. */
export interface PageEntry {
  /** In the address: `#/NAME`. */
  readonly name: string;
  readonly title: string;
  /** Style sheets that it needs, as paths below `page/`: `face/history/page.css`. Those of the first page are in index.html. */
  readonly styles?: readonly string[];
  readonly load: () => Promise<{ readonly page: Page }>;
}

/** All of them. */
export const PAGES: readonly PageEntry[] = [
  { name: "now", title: "Now", load: () => import("./now/page.ts") },
  {
    name: "history",
    title: "History",
    styles: ["face/history/page.css", "face/rows.css"],
    load: () => import("./history/page.ts"),
  },
  {
    name: "uncounted",
    title: "Not counted",
    styles: ["face/rows.css"],
    load: () => import("./uncounted/page.ts"),
  },
  {
    name: "health",
    title: "Health",
    styles: ["face/rows.css"],
    load: () => import("./health/page.ts"),
  },
];
