/** A small real HTTP server for tests of senders: answers as it is told, keeps what it acknowledged. */
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly lines: readonly string[];
}

export interface Reply {
  /** "cut" destroys the connection instead of answering; "cut-after" does so after the lines were taken in. */
  readonly status: number | "cut" | "cut-after";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Receiver {
  readonly url: URL;
  /** Every request, whatever the answer was. */
  readonly requests: readonly Received[];
  /** Lines of the requests that were taken in, in order. */
  readonly lines: readonly string[];
  close(): Promise<void>;
}

/** @param reply to the nth request; undefined: 200 {"appended": lines} */
export async function startReceiver(
  reply: (n: number, request: Received) => Reply | undefined = () => undefined,
  port = 0,
): Promise<Receiver> {
  const requests: Received[] = [];
  const taken: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const lines = Buffer.concat(chunks).toString().split("\n").filter(Boolean);
      const received = { path: request.url ?? "", headers: request.headers, lines };
      requests.push(received);
      const answer = reply(requests.length - 1, received) ?? { status: 200 };
      if (answer.status === 200 || answer.status === "cut-after") taken.push(...lines);
      if (typeof answer.status === "string") {
        request.socket.destroy();
        return;
      }
      response.writeHead(answer.status, answer.headers);
      response.end(answer.body ?? JSON.stringify({ appended: lines.length }));
    });
  });
  const url = await listening(server, port);
  return {
    url,
    requests,
    lines: taken,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function listening(server: Server, port: number): Promise<URL> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return new URL(`http://127.0.0.1:${address.port}/`);
}
