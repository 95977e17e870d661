/** The live stream (docs/formats/live.md): one connection for all pages, what is known of each sensor, and how the connection is doing. */
import type { LiveData, LiveSensor } from "../core/live-event.ts";

/** What came: everything there is, or the sensors that changed. */
export interface LiveEvent extends LiveData {
  /** All that was known before is to be forgotten. */
  readonly snapshot: boolean;
}

/** How the stream is doing, and why, in a sentence. */
export interface LiveState {
  readonly mode: "connecting" | "live" | "paused" | "offline";
  readonly reason: string;
}

/** Time until a stream that the server refused is asked for again, ms: the browser itself waits as long after a lost one. */
const AGAIN_MS = 2000;

/** The server says something every 15 s at least; after this time without a word the connection is gone, though nobody said so. ms */
const SILENCE_MS = 35_000;

/**
 * States: *connecting* → *live* with the first event ⇄ *offline* while there is no connection; *paused* while somebody holds it, or the server
 * takes nothing in. While it is held, listeners are told nothing; then a snapshot.
 */
export class Live {
  readonly rows = new Map<string, LiveSensor>();
  readonly #listeners = new Set<(event: LiveEvent) => void>();
  readonly #stateListeners = new Set<(state: LiveState) => void>();
  readonly #holds = new Map<symbol, string>();
  readonly #onRefused: () => Promise<void>;
  #source: EventSource | null = null;
  #last: LiveEvent | null = null;
  #lastEventId = "";
  #silence: ReturnType<typeof setTimeout> | undefined;
  #online = false;
  #offlineReason = "";
  #said = "";
  #state: LiveState = { mode: "connecting", reason: `Connecting to ${location.host}` };

  /** @param onRefused called when the server did not accept the stream: does what can be done about it, or rejects with the reason */
  constructor(onRefused: () => Promise<void>) {
    this.#onRefused = onRefused;
    this.#open();
  }

  get state(): LiveState {
    return this.#state;
  }

  /** The newest event, whose `sensors` are all; null before the first. */
  get known(): LiveEvent | null {
    return this.#last && { ...this.#last, snapshot: true, resumed: false, sensors: [...this.rows.values()] };
  }

  /** Adds a listener; it is called at once with what is known. @returns removes it */
  subscribe(listener: (event: LiveEvent) => void): () => void {
    this.#listeners.add(listener);
    if (this.known !== null) listener(this.known);
    return () => this.#listeners.delete(listener);
  }

  /** Adds a listener of the state; it is called at once. @returns removes it */
  onState(listener: (state: LiveState) => void): () => void {
    this.#stateListeners.add(listener);
    listener(this.#state);
    return () => this.#stateListeners.delete(listener);
  }

  /** Lets what is shown stand still. @param reason behind "PAUSED: " @returns lets it go on */
  hold(reason: string): () => void {
    const key = Symbol(reason);
    this.#holds.set(key, reason);
    this.#tell();
    return () => {
      if (!this.#holds.delete(key)) return;
      this.#tell();
      if (this.#holds.size === 0 && this.known !== null) this.#emit(this.known);
    };
  }

  /** Says why what is shown stands still, though listeners are told everything; "" says no longer. */
  say(reason: string): void {
    this.#said = reason;
    this.#tell();
  }

  /** Whether listeners are told nothing. */
  get isHeld(): boolean {
    return this.#holds.size > 0;
  }

  #open(): void {
    const source = (this.#source = new EventSource(`live?after=${this.#lastEventId}`));
    const take = ({ type, data, lastEventId }: MessageEvent<string>) => {
      this.#lastEventId = lastEventId;
      clearTimeout(this.#silence);
      this.#silence = setTimeout(() => this.#giveUp(source), SILENCE_MS);
      this.#take({ ...JSON.parse(data), snapshot: type === "snapshot" });
    };
    source.addEventListener("snapshot", take);
    source.addEventListener("update", take);
    source.addEventListener("error", () => {
      if (source !== this.#source) return;
      const isRefused = source.readyState === EventSource.CLOSED;
      this.#lost(
        isRefused ? `${location.host} does not let this browser in` : `no answer from ${location.host}, trying again`,
      );
      if (isRefused) void this.#openLater();
    });
  }

  #giveUp(source: EventSource): void {
    if (source !== this.#source) return;
    source.close();
    this.#lost(`no word from ${location.host} for ${SILENCE_MS / 1000} s, trying again`);
    this.#open();
  }

  /** The server said no: it is asked again when its reason is gone, never at once after the last time. */
  async #openLater(): Promise<void> {
    this.#source = null;
    const soonest = performance.now() + AGAIN_MS;
    await this.#onRefused().catch((error: unknown) =>
      this.#lost(error instanceof Error ? error.message : String(error)),
    );
    setTimeout(() => this.#open(), Math.max(0, soonest - performance.now()));
  }

  #take(event: LiveEvent): void {
    if (event.snapshot) this.rows.clear();
    for (const row of event.sensors) this.rows.set(row.sensor, row);
    this.#last = event;
    this.#online = true;
    this.#tell();
    if (this.#holds.size === 0) this.#emit(event);
  }

  #emit(event: LiveEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #lost(reason: string): void {
    this.#online = false;
    this.#offlineReason = reason;
    this.#tell();
  }

  #tell(): void {
    const state = this.#stateNow();
    if (state.mode === this.#state.mode && state.reason === this.#state.reason) return;
    this.#state = state;
    for (const listener of this.#stateListeners) listener(state);
  }

  #stateNow(): LiveState {
    if (!this.#online) {
      if (this.#offlineReason !== "") return { mode: "offline", reason: this.#offlineReason };
      return { mode: "connecting", reason: `connecting to ${location.host}` };
    }
    const [held = this.#said] = this.#holds.values();
    if (held !== "") return { mode: "paused", reason: held };
    const trouble = this.#last?.trouble ?? null;
    if (trouble !== null) return { mode: "paused", reason: `no readings are taken in: ${trouble}` };
    return { mode: "live", reason: "each reading as it arrives" };
  }
}
