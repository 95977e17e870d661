/**
 * The contract of a page. Its module exports `page: Page`; one line in pages.ts names it, and it is loaded when it is first shown.
 *
 * A page is *mounted* into an empty element, is told each change of its part of the address by `update` (also the first one, at once, and
 * those that it makes itself by `context.url.set`), and is *unmounted* before another takes its place: then it removes its listeners and
 * timers; its elements go with the root. Everything that people choose is in the address, so that a link shows the same and the back
 * button works: a page draws what `update` was given, and keeps no choices of its own.
 */
import type { Api } from "./api.ts";
import type { Live } from "./live.ts";
import type { UrlState } from "./router.ts";
import type { ServerTime } from "./server-time.ts";
import type { Theme } from "./theme.ts";

/** What `GET /about` says. */
export interface About {
  readonly version: string;
  readonly timezone: string;
  /** Its clock, UTC. */
  readonly time: string;
  /** Whether requests need the token. */
  readonly token: boolean;
}

/** What a page may use. */
export interface Context {
  /** Its part of the address: `#/history?sensor=a` → `sensor=a`. */
  readonly url: UrlState;
  /** Asks the server. */
  readonly api: Api;
  /** The sensors as they are, and every change of them. */
  readonly live: Live;
  readonly about: About;
  /** The server's clock and zone: the browser's are never shown. */
  readonly time: ServerTime;
  /** Colours, for what is drawn and not styled. */
  readonly theme: Theme;
  /** Tells people who hear the page, and do not see it, one short sentence; not for values that move. */
  readonly announce: (sentence: string) => void;
}

/** A page that is shown. */
export interface Mounted {
  /** Draws what the address says. */
  update(params: URLSearchParams): void;
  unmount(): void;
}

/** A page. */
export interface Page {
  mount(root: HTMLElement, context: Context): Mounted;
}
