/** Planted bugs of the doors that take messages and lines as they are. */
import type { Planted } from "./planted.ts";

const LISTENER = "test/doors/mqtt-listener.test.ts";
const HISTORIES = "test/doors/oracle.test.ts";

/** Each names the promise of docs/GUARANTEES.md that it breaks. */
export const IN_DOORS: readonly Planted[] = [
  {
    name: "a message is acknowledged before its append",
    promise: "acknowledged",
    file: "src/doors/mqtt/message-queue.ts",
    changes: [["await this.#appendUntilDurable(batch);", "void this.#appendUntilDurable(batch);"]],
    by: LISTENER,
    only: "acknowledged in order",
  },
  {
    name: "a message that is delivered again is taken for a copy",
    promise: "acknowledged",
    file: "src/doors/mqtt/listener-session.ts",
    changes: [
      [
        "return this.#takeMessage(readPublish(packet, level));",
        "if ((packet.flags & 8) === 0) return this.#takeMessage(readPublish(packet, level));\n        this.acknowledge([readPublish(packet, level)]);\n        return null;",
      ],
    ],
    by: LISTENER,
    only: "DUP",
  },
  {
    name: "what a client publishes to be kept is passed over",
    promise: "nothing-silent",
    file: "src/doors/mqtt/listener-session.ts",
    changes: [["this.#host.came({ ...message, isRetained: false }, this);", "this.#host.came(message, this);"]],
    by: LISTENER,
    only: "DUP",
  },
  {
    name: "messages of a lost connection are taken, and come again",
    promise: "counted-once",
    file: "src/doors/mqtt/message-queue.ts",
    changes: [["each.sender !== sender || each.message.packetId === null", "each.sender !== sender || true"]],
    by: LISTENER,
    only: "not begun",
  },
  {
    name: "a connection outlives its token",
    promise: "access",
    file: "src/doors/mqtt/listener-session.ts",
    changes: [['if (!this.#isValid()) return "no-token";', ""]],
    by: LISTENER,
    only: "who is let in",
  },
  {
    name: "what a broker kept for new subscribers is counted",
    promise: "counted-once",
    file: "src/doors/mapping/maps.ts",
    changes: [["if (message.isRetained && !map.spec.takesRetained) return", "if (false as boolean) return"]],
    by: HISTORIES,
  },
  {
    name: "device and time of a message tell no copy",
    promise: "counted-once",
    file: "src/doors/mapping/mapper.ts",
    changes: [["return time?.isOwn === true ? { sequence: 0 } : {};", "return {};"]],
    by: HISTORIES,
  },
  {
    name: "Fahrenheit is not told from Celsius",
    promise: "same-bits",
    file: "src/doors/mapping/mapper.ts",
    changes: [
      ["if (unit !== null && unit !== undefined) return scaled(value, unit);", "if (unit !== null) return value;"],
    ],
    by: HISTORIES,
  },
  {
    name: "tags of a line in another order are another series",
    promise: "counted-once",
    file: "src/formats/influx/series-plan.ts",
    changes: [["tags.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));", ""]],
    by: "test/pipeline/influx.test.ts",
  },
  {
    name: "a line that cannot be read takes the others of its request with it",
    promise: "nothing-silent",
    file: "src/formats/influx/influx.ts",
    changes: [
      [
        "if (plan === null) {\n      this.#reject(",
        "if (plan === null) {\n      this.#header = null;\n      this.#reject(",
      ],
    ],
    by: "test/formats/influx.test.ts",
  },
];
