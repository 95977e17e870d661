/** Real terminal screens: a tmux server of its own, whose panes are read as a person sees them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after } from "node:test";
import { eventually, ROOT } from "./cli.ts";

/** False, or why there are no screens to look at. */
export function skipWithoutTmux(): string | false {
  return spawnSync("tmux", ["-V"]).status === 0 ? false : "no tmux: install tmux (scripts/ci-prepare.sh does)";
}

/** A screen with a shell in it. */
export class TmuxScreen {
  readonly #socket = `tidemark-test-${process.pid}-${screens++}`;

  /** @param shell command line of the shell @param path folders before those of PATH */
  constructor(columns: number, rows: number, shell = "/bin/sh", path = "") {
    const own = `${path}${path === "" ? "" : ":"}${process.env["PATH"] ?? ""}`;
    const environment = { ...process.env, LC_ALL: "C.UTF-8", PATH: own };
    const size = ["-x", String(columns), "-y", String(rows)];
    const args = ["-L", this.#socket, "-f", "/dev/null", "new-session", "-d", ...size, `exec ${shell}`];
    assert.equal(spawnSync("tmux", args, { cwd: ROOT, env: environment }).status, 0);
    this.#tmux("set-option", "-g", "window-size", "manual");
    after(() => this.close());
  }

  #tmux(...args: readonly string[]): string {
    return spawnSync("tmux", ["-L", this.#socket, ...args], { encoding: "utf8" }).stdout;
  }

  /** As `tmux send-keys` takes them: texts, and names such as Enter, PPage, C-c. */
  keys(...keys: readonly string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  resize(columns: number, rows: number): void {
    this.#tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** Its lines from the top, without blanks at their ends. */
  lines(): string[] {
    return this.#tmux("capture-pane", "-p").split("\n");
  }

  /** Its text, once it matches. */
  async until(pattern: RegExp): Promise<string> {
    return await eventually(() => {
      const text = this.lines().join("\n");
      assert.match(text, pattern);
      return text;
    });
  }

  /** Whether a program has the other screen, and the cursor is shown. */
  state(): { readonly alternate: boolean; readonly cursor: boolean } {
    const [alternate, cursor] = this.#tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}").trim().split(" ");
    return { alternate: alternate === "1", cursor: cursor === "1" };
  }

  close(): void {
    this.#tmux("kill-server");
  }
}

let screens = 0;
