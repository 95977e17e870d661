/** The live table as a person has it: hundreds of sensors in a real terminal of 60, 100 and 200 columns, keys, resizes, a server that restarts. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { dataDirectory, done, eventually, freePort, tidemark } from "./cli.ts";
import { skipWithoutTmux, TmuxScreen } from "./tmux.ts";

const SENSORS = 300;

describe("watch in a terminal", { skip: skipWithoutTmux() }, () => {
  const data = dataDirectory();
  let port = 0;
  let server: ReturnType<typeof tidemark>;

  const serve = async () => {
    server = tidemark(["serve", "--data", data.path, "--port", String(port)]);
    await server.until(/listening on/);
  };
  before(async () => {
    port = await freePort();
    await serve();
    for (let i = 1; i <= SENSORS; i++) {
      const body = `{"sequence":1,"value":${i},"time":${1.6e12 + i}}`;
      const response = await fetch(`http://127.0.0.1:${port}/readings/plant-${i}`, { method: "POST", body });
      assert.equal(response.status, 200, await response.text());
    }
  });
  after(async () => {
    server.kill("SIGTERM");
    await server.ended;
    await data.remove();
  });
  const open = (screen: TmuxScreen, ...patterns: string[]) => {
    const names = patterns.map((pattern) => `'${pattern}'`).join(" ");
    screen.keys(`NO_COLOR=1 ${process.execPath} bin/tidemark.js watch ${names} --port ${port}`, "Enter");
  };

  test("at 60, 100 and 200 columns no line wraps, and the place in the list is right", async () => {
    for (const columns of [60, 100, 200]) {
      const screen = new TmuxScreen(columns, 24);
      open(screen);
      await screen.until(/^1–17 of 300 sensors$/m);
      const lines = screen.lines();
      assert.equal(lines[0], `tidemark http://127.0.0.1:${port}`);
      assert.equal(lines.filter((line) => line.startsWith("plant-")).length, 17);
      assert.equal(lines.filter((line) => line.startsWith("SENSOR")).length, 1);
      assert.equal(
        lines.findLast((line) => line !== ""),
        "q or Ctrl-C ends this table; ? shows the keys",
      );
      screen.close();
    }
  });

  test("keys: pages, filter, order, help; the end leaves the terminal as it was", async () => {
    const screen = new TmuxScreen(100, 24);
    screen.keys("echo before", "Enter");
    open(screen);
    await screen.until(/^1–17 of 300/m);
    assert.deepEqual(screen.state(), { alternate: true, cursor: false });
    screen.keys("NPage");
    await screen.until(/^18–34 of 300/m);
    screen.keys("End");
    await screen.until(/^284–300 of 300[\s\S]*$/m);
    screen.keys("/", "plant-29", "Enter");
    await screen.until(/^tidemark \S+ {2}\/plant-29\n[\s\S]*plant-299 [\s\S]*^289 others are filtered out$/m);
    screen.keys("s", "s", "s");
    await screen.until(/^tidemark \S+ {2}by mean {2}\/plant-29\n\n[\s\S]*^plant-299 /m);
    screen.keys("?");
    await screen.until(/^Keys\n[\s\S]*filter by name[\s\S]*any key goes back/m);
    screen.keys("Escape", "Escape");
    await screen.until(/^tidemark \S+ {2}by mean\n[\s\S]*1–17 of 300/m);
    screen.keys("q");
    await eventually(() => assert.deepEqual(screen.state(), { alternate: false, cursor: true }));
    screen.keys("echo after; stty -a | grep -o ' icanon'", "Enter");
    const left = await screen.until(/after\n icanon$/m);
    assert.match(left, /^before$/m);
    assert.doesNotMatch(left, /SENSOR/);
  });

  test("right after every resize, and only the sensors that are meant", async () => {
    const screen = new TmuxScreen(100, 24);
    open(screen, "plant-1?", "plant-2??");
    await screen.until(/^1–17 of 110 sensors$/m);
    for (const [columns, rows] of [
      [60, 12],
      [200, 40],
      [40, 10],
      [120, 30],
    ] as const) {
      screen.resize(columns, rows);
      await screen.until(new RegExp(`^1–${rows - 7} of 110 sensors$`, "m"));
      const lines = screen.lines();
      assert.equal(lines.filter((line) => line.startsWith("tidemark http")).length, 1, lines.join("\n"));
      assert.equal(lines.filter((line) => line.startsWith("SENSOR")).length, 1, lines.join("\n"));
      assert.match(lines.findLast((line) => line !== "") ?? "", /^q or Ctrl-C/);
    }
    screen.keys("C-c");
    await eventually(() => assert.deepEqual(screen.state(), { alternate: false, cursor: true }));
  });

  test("a server that restarts is found again", async () => {
    const screen = new TmuxScreen(100, 24);
    open(screen);
    await screen.until(/^1–17 of 300/m);
    server.kill("SIGTERM");
    await server.ended;
    await screen.until(/connection lost \S+ ago, \d+ tr/);
    await serve();
    await screen.until(new RegExp(`^tidemark http://127\\.0\\.0\\.1:${port}\n`));
    await done(["send", "plant-1", "7", "--port", String(port)]);
    await eventually(() =>
      assert.match(screen.lines().find((line) => line.startsWith("plant-1 ")) ?? "", /plant-1 +2 /),
    );
    screen.keys("q");
  });
});
