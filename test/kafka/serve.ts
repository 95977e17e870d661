/** `node test/kafka/serve.ts [port]`: a Kafka broker in the foreground, to try things by hand or to share among test runs. */
import { once } from "node:events";
import { startBroker } from "./broker.ts";

const port = process.argv[2] === undefined ? {} : { port: Number(process.argv[2]) };
const broker = await startBroker(port);
const alive = setInterval(() => {}, 60_000);
console.log(`TIDEMARK_TEST_KAFKA=${broker.bootstrap}`);
await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
clearInterval(alive);
await broker.stop();
