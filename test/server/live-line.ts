/** What the programs of docs/formats/live.md are tested with: themselves, a server behind a line that can be cut, and what they must print. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { ROOT } from "../architecture/modules.ts";
import { type Fixture, NOON, openFixture } from "./fixture.ts";

const PAGE = readFileSync(join(ROOT, "docs/formats/live.md"), "utf8");

/** The program under "With …" or "In a …". */
export function program(under: string): string {
  return new RegExp(`^${under}[^\n]*:\n\n\`\`\`\\w+\n(.*?)\`\`\``, "ms").exec(PAGE)?.[1] ?? assert.fail(under);
}

/** A server behind a line that can be cut. */
export interface Line extends Fixture {
  readonly port: number;
  cut(): void;
}

/** Opens one; it closes with the test. */
export async function openLine(context: TestContext): Promise<Line> {
  const fixture = await openFixture();
  fixture.clock.set(NOON + 3_600_000); // the last minute is empty: nothing comes by itself
  const [{ port }] = await fixture.server.listen({ hosts: ["127.0.0.1"], port: 0 });
  const sockets = new Set<Socket>();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const line = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket.on("error", cut));
      socket.on("close", () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
  }).listen(0, "127.0.0.1");
  await once(line, "listening");
  context.after(async () => {
    line.close();
    cut();
    await fixture.app.close();
  });
  const address = line.address();
  assert.ok(address !== null && typeof address === "object");
  return { ...fixture, port: address.port, cut };
}

/** Passes lines over up to the one that is wanted. */
export async function until(lines: AsyncIterator<string>, wanted: string): Promise<void> {
  for await (const line of { [Symbol.asyncIterator]: () => ({ next: () => lines.next() }) }) {
    if (line.replaceAll(", ", ",").replaceAll(": ", ":").replace("None", "null") === wanted) return;
  }
  assert.fail(`ended without ${wanted}`);
}

/** `changes` of one second. */
export const changed = (cause: string, second: number) =>
  `[{"cause":"${cause}","from":${second},"toExclusive":${second + 1000}}]`;

/** A program that prints sensor, last value and changes sees what comes, and what came while it was away. */
export async function mustFollow({ engine, cut }: Line, lines: AsyncIterator<string>): Promise<void> {
  await until(lines, `temperature ${engine.status("temperature").lastValue} []`);
  engine.add("temperature", [NOON, 21.5]);
  await until(lines, `temperature 21.5 ${changed("reading", NOON)}`);
  cut();
  engine.add("temperature", [NOON - 60_000, 7, true]);
  await until(lines, `temperature 21.5 ${changed("late", NOON - 60_000)}`);
}
