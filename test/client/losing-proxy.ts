/** A way to a server on which things go wrong: answers are lost, or are errors, as often as a test says. */
import { createServer, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface LosingProxy {
  readonly url: string;
  /** For each of the next requests: the server gets it, but its answer is lost; or a 503 without the server. */
  readonly plan: ("lost" | "busy")[];
  /** Requests that came. */
  readonly seen: { readonly path: string; readonly headers: Readonly<Record<string, unknown>> }[];
  /** Cuts all connections. */
  cut(): void;
  close(): void;
}

export async function openLosingProxy(port: number): Promise<LosingProxy> {
  const plan: ("lost" | "busy")[] = [];
  const seen: { path: string; headers: Record<string, unknown> }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming, outgoing) => {
    const fate = plan.shift();
    seen.push({ path: incoming.url ?? "", headers: incoming.headers });
    if (fate === "busy") {
      const body = JSON.stringify({ code: "too-busy", detail: "Cannot now", retryable: true });
      outgoing.writeHead(503, { "retry-after": "0", "content-type": "application/problem+json" }).end(body);
      return;
    }
    const { method, headers } = incoming;
    const onward = request({ port, path: incoming.url, method, headers: { ...headers, host: `127.0.0.1:${port}` } });
    onward.on("error", () => outgoing.destroy());
    onward.on("response", (response) => {
      if (fate === "lost") {
        response.resume().on("end", () => outgoing.destroy());
        return;
      }
      outgoing.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(outgoing).on("error", () => {});
      outgoing.on("close", () => onward.destroy());
    });
    incoming.pipe(onward);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    plan,
    seen,
    cut,
    close: () => {
      server.close();
      cut();
    },
  };
}
