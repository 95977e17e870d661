/** Bytes to and from a server, as they are on the wire. */
import { connect, type Socket } from "node:net";

/** A request with a body, as bytes. */
export function post(path: string, body: string, ...headers: string[]): string {
  const lines = ["Host: localhost", ...headers, `Content-Length: ${Buffer.byteLength(body)}`];
  return `POST ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** A connection, and what has come on it so far. */
export class Line {
  readonly socket: Socket;
  #text = "";
  #ended = false;
  #wake = (): void => {};

  constructor(port: number, localAddress = "127.0.0.1") {
    this.socket = connect({ port, host: "127.0.0.1", localAddress });
    this.socket.on("data", (chunk) => {
      this.#text += chunk.toString("latin1");
      this.#wake();
    });
    this.socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** The answers, once there are that many or the server closed. The moment of an answer is no part of it. */
  async answers(count: number): Promise<string[]> {
    for (;;) {
      const texts: string[] = [];
      for (let at = 0; ; ) {
        const head = this.#text.indexOf("\r\n\r\n", at);
        if (head < 0) break;
        const length = Number(/content-length: (\d+)/i.exec(this.#text.slice(at, head))?.[1] ?? 0);
        if (this.#text.length < head + 4 + length) break;
        texts.push(this.#text.slice(at, head + 4 + length).replace(/Date: [^\r]*/, "Date: X"));
        at = head + 4 + length;
      }
      if (texts.length >= count || this.#ended) return texts;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** The first answer to these bytes, on a connection of their own. */
export async function ask(port: number, bytes: string): Promise<string> {
  const line = new Line(port);
  line.socket.write(bytes);
  const [answer] = await line.answers(1);
  line.socket.destroy();
  return answer;
}
