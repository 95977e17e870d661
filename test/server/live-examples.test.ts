/** The programs of docs/formats/live.md, as they stand there: they print what comes in, and what came while their connection was lost. Behind nginx, too. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { on, once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Fixture, NOON } from "./fixture.ts";
import { changed, mustFollow, openLine, program } from "./live-line.ts";

function start(context: TestContext, command: string, ...args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
  context.after(async () => {
    child.kill(); // nginx ends its workers
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  return child;
}

async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  for await (const [line] of on(createInterface({ input: child.stdout ?? assert.fail() }), "line")) yield String(line);
}

function missing(...commands: readonly string[]): string | false {
  for (const command of commands) {
    try {
      execFileSync("/bin/sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    } catch {
      return `there is no ${command} (Debian: apt-get install -y ${command})`;
    }
  }
  return false;
}

test("Node.js", async (context) => {
  const line = await openLine(context);
  const code = program("With Node.js").replace("localhost:5000", `localhost:${line.port}`);
  await mustFollow(line, linesOf(start(context, process.execPath, "--input-type=module", "--eval", code)));
});

test("Python", { skip: missing("python3") }, async (context) => {
  const line = await openLine(context);
  const code = program("With Python").replace("localhost:5000", `localhost:${line.port}`);
  await mustFollow(line, linesOf(start(context, "python3", "-c", code)));
});

test("curl", { skip: missing("curl") }, async (context) => {
  const { port, engine } = await openLine(context);
  const lines = linesOf(start(context, "/bin/sh", "-c", `exec ${program("With `curl`").replace(":5000", `:${port}`)}`));
  await mustArrive(lines, engine);
});

test("behind nginx as it comes", { skip: missing("nginx", "curl") }, async (context) => {
  const { port, engine } = await openLine(context);
  const directory = mkdtempSync(join(tmpdir(), "tidemark-nginx-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const own = await freePort();
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${directory};`);
  writeFileSync(
    join(directory, "nginx.conf"),
    `daemon off; pid ${directory}/pid; error_log stderr; events {}
     http { access_log off; ${places.join(" ")}
       server { listen 127.0.0.1:${own}; location / { proxy_pass http://127.0.0.1:${port}; } } }`,
  );
  start(context, "nginx", "-p", directory, "-e", "stderr", "-c", join(directory, "nginx.conf"));
  while (!(await answers(own))) await nextTurn();
  const url = `localhost:${own}/live?sensor=temperature`;
  await mustArrive(linesOf(start(context, "curl", "--silent", "--no-buffer", url)), engine);
});

/** The bytes of the stream come when they are sent, and not when there are more. */
async function mustArrive(lines: AsyncGenerator<string>, engine: Fixture["engine"]): Promise<void> {
  for await (const line of lines) {
    if (line === "event: snapshot") engine.add("temperature", [NOON, 21.5]);
    if (line.includes(`"changes":${changed("reading", NOON)}`)) return;
  }
  assert.fail("the stream ended");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return address !== null && typeof address === "object" ? address.port : assert.fail();
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
