/** What `POST /compute/metrics` is compared with: servers that parse the same JSON and send it back. Argument: {"kind":"fastify"} or {"kind":"node"}. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fastify from "fastify";
import { argument } from "../harness/lap.ts";

const PATH = "/compute/metrics";
const { kind } = argument<{ kind: "fastify" | "node" }>();

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("BUG: a port has no address");
  return address.port;
}

if (kind === "fastify") {
  const server = fastify();
  server.post(PATH, (request, reply) => reply.send(request.body));
  await server.listen({ host: "127.0.0.1", port: 0 });
  console.log(`listens at ${portOf(server.server.address())}`);
} else {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = JSON.stringify(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
      response.end(text);
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(`listens at ${portOf(server.address())}`));
}
process.once("SIGTERM", () => process.exit(0));
