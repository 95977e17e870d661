/** A client of an MQTT broker whose messages are mapped (message-queue.ts). */
import type { Clock } from "../../core/clock.ts";
import { plural } from "../../core/figures.ts";
import type { OnNotice } from "../../core/notice.ts";
import { type DoorOptions, MappedDoor, TOPIC_CODES } from "../mapped-door.ts";
import { Connection } from "./connection.ts";
import { MessageQueue } from "./message-queue.ts";
import { type MqttSettings, withoutCovered } from "./mqtt-settings.ts";
import type { Publish } from "./packets.ts";

/** The door. */
export class MqttDoor extends MappedDoor {
  readonly #settings: MqttSettings;
  readonly #clock: Clock;
  readonly #unrouted: DoorOptions["unrouted"];
  readonly #onNotice: OnNotice;
  readonly #queue: MessageQueue;
  #connection: Connection | null = null;
  #listening: Connection | null = null;

  constructor(settings: MqttSettings, options: DoorOptions, onBug: (error: unknown) => void, onNotice: OnNotice) {
    super("mqtt", options, TOPIC_CODES);
    this.#settings = settings;
    this.#clock = options.clock;
    this.#unrouted = options.unrouted;
    this.#onNotice = onNotice;
    this.#queue = new MessageQueue({
      door: this,
      onFull: (isFull) => (isFull ? this.#connection?.pause() : this.#connection?.resume()),
      onBug,
    });
  }

  /** Connects, and again whenever the connection is lost. */
  open(): void {
    const settings = this.#settings;
    const ofMaps = this.maps.mappers.flatMap(({ spec }) => spec.topics.map(({ filter }) => filter));
    const filters = withoutCovered(settings.topics ?? ofMaps);
    const shared = { settings, clock: this.#clock };
    const what = `${filters.length} ${filters.length === 1 ? "topic" : "topics"} of ${this.#mapCount}`;
    if (filters.length === 0) {
      this.#onNotice(`mqtt: ${settings.shown}: no map has a topic, so nothing is subscribed to`, "notice");
    } else {
      this.#connection = new Connection({
        ...shared,
        clientId: settings.clientId,
        filters,
        qos: 1,
        isClean: false,
        wantsRetained: this.maps.mappers.some(({ spec }) => spec.takesRetained),
        onMessage: (message, sender) => this.#queue.came(message, sender),
        onLost: (sender) => this.#queue.lost(sender),
        onTrouble: (trouble) => {
          if (trouble === null) this.#onNotice(`mqtt: connected to ${settings.shown}, ${what}`, "door-open");
          else this.#onNotice(`mqtt: ${trouble}`, "door-shut");
        },
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
      onTrouble: () => {},
    });
  }

  get #mapCount(): string {
    const { length } = this.maps.mappers;
    return plural(length, "map");
  }

  override get trouble(): string | null {
    return this.#queue.trouble ?? this.#connection?.trouble ?? this.#listening?.trouble ?? null;
  }

  #heard({ topic, body, isCut }: Publish): void {
    if (this.maps.mappers.some((map) => map.match(topic) !== null)) return;
    this.counts.unrouted++;
    if (isCut) this.counts.tooLarge++;
    else this.#unrouted.note(this.name, topic, body, undefined, this.#clock.now());
  }

  /** Takes in nothing more; what is on its way into the log is acknowledged first. */
  async close(): Promise<void> {
    await this.#queue.close();
    this.#connection?.close();
    this.#listening?.close();
  }
}
