/** A client of an MQTT broker whose messages are mapped: acknowledged in order, and only once their readings are durable. */
import { setTimeout as delay } from "node:timers/promises";
import { TidemarkError } from "../../core/errors.ts";
import { Batch, type DoorOptions, MappedDoor } from "../mapped-door.ts";
import { payloadOf } from "../mapping/payload.ts";
import { Connection } from "./connection.ts";
import { type MqttSettings, withoutCovered } from "./mqtt-settings.ts";
import type { Publish } from "./packets.ts";

/** Messages of one append: mapping them takes some 10 ms, in which nothing else runs. */
const BATCH_MESSAGES = 512;

/** Messages and their bytes that may wait; past it the broker is not read. Those of quality of service 0 no broker holds back. */
const WAITING_MAX = 20_000;
const WAITING_BYTES_MAX = 16_777_216;

/** Between two tries of an append, ms. */
const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 5000;

interface Waiting {
  readonly message: Publish;
  readonly connection: number;
}

/** The door. */
export class MqttDoor extends MappedDoor {
  readonly #settings: MqttSettings;
  readonly #options: DoorOptions;
  readonly #onBug: (error: unknown) => void;
  #connection: Connection | null = null;
  #listening: Connection | null = null;
  readonly #closing = new AbortController();
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #pumping: Promise<void> | null = null;
  #logTrouble: string | null = null;

  constructor(settings: MqttSettings, options: DoorOptions, onBug: (error: unknown) => void) {
    super("mqtt", options);
    this.#settings = settings;
    this.#options = options;
    this.#onBug = onBug;
  }

  /** Connects, and again whenever the connection is lost. */
  open(): void {
    const settings = this.#settings;
    const ofMaps = this.maps.mappers.flatMap(({ spec }) => spec.topics.map(({ filter }) => filter));
    const filters = withoutCovered(settings.topics ?? ofMaps);
    const shared = { settings, clock: this.#options.clock };
    if (filters.length > 0) {
      this.#connection = new Connection({
        ...shared,
        clientId: settings.clientId,
        filters,
        qos: 1,
        isClean: false,
        wantsRetained: this.maps.mappers.some(({ spec }) => spec.takesRetained),
        onMessage: (message, connection) => this.#came(message, connection),
        onLost: () => this.#lost(),
      });
    }
    if (!settings.listensToUnrouted || settings.topics !== null) return;
    // Apart, and without a session: what nobody mapped shall not take places in the broker's queue of what is.
    this.#listening = new Connection({
      ...shared,
      clientId: `${settings.clientId}-unrouted`,
      filters: ["#"],
      qos: 0,
      isClean: true,
      wantsRetained: true,
      onMessage: (message) => this.#heard(message),
      onLost: () => {},
    });
  }

  override get trouble(): string | null {
    return this.#logTrouble ?? this.#connection?.trouble ?? this.#listening?.trouble ?? null;
  }

  #heard({ topic, body, isCut }: Publish): void {
    if (isCut || this.maps.mappers.some((map) => map.match(topic) !== null)) return;
    this.counts.unrouted++;
    this.#options.unrouted.note(this.name, topic, body, undefined, this.#options.clock.now());
  }

  #came(message: Publish, connection: number): void {
    this.#waiting.push({ message, connection });
    this.#waitingBytes += message.body.length;
    if (this.#waiting.length > WAITING_MAX || this.#waitingBytes > WAITING_BYTES_MAX) this.#connection?.pause();
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = null;
    });
  }

  /** What was not begun, and was to be acknowledged, comes again. */
  #lost(): void {
    this.#waiting = this.#waiting.filter(({ message }) => message.packetId === null);
    this.#waitingBytes = this.#waiting.reduce((sum, { message }) => sum + message.body.length, 0);
  }

  async #pump(): Promise<void> {
    try {
      // The whole chunk that is being read, and what comes while the log syncs, is one append.
      await Promise.resolve();
      while (this.#waiting.length > 0 && !this.#closing.signal.aborted) {
        const taken = this.#waiting.slice(0, BATCH_MESSAGES);
        this.#waiting = this.#waiting.slice(BATCH_MESSAGES);
        for (const { message } of taken) this.#waitingBytes -= message.body.length;
        const isLow = this.#waiting.length <= WAITING_MAX / 2 && this.#waitingBytes <= WAITING_BYTES_MAX / 2;
        if (isLow) this.#connection?.resume();
        const batch = new Batch();
        for (const { message } of taken) this.#takeMessage(message, batch);
        await this.#appendUntilDurable(batch);
        const { connection } = taken[taken.length - 1];
        const ids = taken.flatMap((each) => (each.connection === connection ? (each.message.packetId ?? []) : []));
        this.#connection?.acknowledge(ids, connection);
      }
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#onBug(error);
    }
  }

  #takeMessage({ topic, body, isRetained, isCut }: Publish, batch: Batch): void {
    const fault = "expected a message of at most 4 MiB";
    const payload = isCut ? ({ kind: "fault", fault } as const) : payloadOf(body, undefined);
    this.take({ topic, body, payload, isRetained }, batch);
  }

  /** A log that takes nothing is tried again until it does, or the door is closed: nothing is acknowledged meanwhile. */
  async #appendUntilDurable(batch: Batch): Promise<void> {
    for (let wait = RETRY_MS_MIN; ; wait = Math.min(RETRY_MS_MAX, wait * 2)) {
      try {
        await this.append(batch);
        this.#logTrouble = null;
        return;
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error;
        this.#logTrouble = error.message;
        try {
          await delay(wait, undefined, { signal: this.#closing.signal });
        } catch (aborted) {
          batch.settle(aborted);
          throw aborted;
        }
      }
    }
  }

  /** Takes in nothing more; what is on its way into the log is acknowledged first. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#pumping;
    this.#connection?.close();
    this.#listening?.close();
  }
}
