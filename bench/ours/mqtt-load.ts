/** Publishes messages of quality of service 1 by MQTT 3.1.1 on some connections, as many on their way as they may: seconds until the last is acknowledged. */
import { connect, type Socket } from "node:net";
import { argument, Stopwatch } from "../harness/lap.ts";

export interface MqttTask {
  readonly port: number;
  readonly messages: number;
  readonly connections: number;
  /** On their way on each connection. */
  readonly window: number;
  /** Different for each lap: the messages of another are copies. */
  readonly lap: number;
}

/** Laps are so far apart, ms. */
const LAP_MS = 30 * 86_400_000;
const START_MS = Date.UTC(2024, 0, 1);

const { port, messages, connections, window, lap } = argument<MqttTask>();

/** Temperature and humidity of message n, as zigbee2mqtt says them. */
function payloadOf(n: number): string {
  const time = START_MS + lap * LAP_MS + n * 1000;
  return `{"battery":87,"humidity":${n % 100},"linkquality":120,"temperature":${(n % 400) / 10},"last_seen":${time}}`;
}

function publish(topic: string, packetId: number, payload: string): Buffer {
  const length = 2 + topic.length + 2 + payload.length;
  const bytes = Buffer.alloc(3 + length);
  bytes[0] = 0x32;
  bytes[1] = (length % 128) | 128;
  bytes[2] = length >> 7;
  let at = bytes.writeUInt16BE(topic.length, 3);
  at += bytes.write(topic, at, "latin1");
  at = bytes.writeUInt16BE(packetId, at);
  bytes.write(payload, at, "latin1");
  return bytes;
}

function greeting(id: string): Buffer {
  const head = Buffer.from([0x10, 12 + id.length, 0, 4, 77, 81, 84, 84, 4, 2, 0, 0, 0, id.length]);
  return Buffer.concat([head, Buffer.from(id)]);
}

/** Sends messages first, first + step, … */
async function run(first: number): Promise<void> {
  const topic = `zigbee2mqtt/sensor-${first}`;
  const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.write(greeting(`load-${lap}-${first}`));
  let [next, onWay, acknowledged, left, greeted] = [first, 0, 0, Buffer.alloc(0), false];
  const count = Math.ceil((messages - first) / connections);
  await new Promise<void>((resolve, reject) => {
    const send = () => {
      const chunks: Buffer[] = [];
      for (; onWay < window && next < messages; next += connections) {
        chunks.push(publish(topic, (next % 65_535) + 1, payloadOf(next)));
        onWay++;
      }
      if (chunks.length > 0) socket.write(Buffer.concat(chunks));
    };
    socket.on("data", (chunk) => {
      const bytes = Buffer.concat([left, chunk]);
      const whole = bytes.length - (bytes.length % 4); // CONNACK and PUBACK have four bytes each
      left = bytes.subarray(whole);
      let answers = whole / 4;
      if (!greeted && answers > 0) {
        greeted = true;
        answers--;
      }
      onWay -= answers;
      acknowledged += answers;
      if (acknowledged === count) resolve();
      else send();
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`closed after ${acknowledged} of ${count}`)));
  });
  socket.end(Buffer.from([0xe0, 0]));
}

const watch = new Stopwatch();
await Promise.all(Array.from({ length: connections }, (_, first) => run(first)));
console.log(JSON.stringify(watch.lap()));
process.exit(0);
