/** `tidemark import` and `export` on a real server: counted once however often it is tried, killed or not; what goes out is what questions say. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { dataDirectory, done, eventually, inTerminal, ROOT, skipWithoutTerminal, succeeded, tidemark } from "./cli.ts";

const folder = mkdtempSync(join(tmpdir(), "tidemark-import-"));
const data = dataDirectory();
let url = "";
let server: ReturnType<typeof tidemark>;

before(async () => {
  server = tidemark(["serve", "--data", data.path, "--port", "0", "--timezone", "Europe/Berlin"]);
  url = /listening on (\S+):/.exec(await server.until(/listening on \S+: /))?.[1] ?? assert.fail();
});
after(async () => {
  server.kill("SIGTERM");
  await server.ended;
  await data.remove();
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function totalsOf(sensor: string): Promise<{ counted: number; conflicts: number; duplicates: number }> {
  const { items } = JSON.parse(await (await fetch(`${url}/sensors`)).text());
  return items.find((item: { sensor: string }) => item.sensor === sensor) ?? { counted: 0 };
}

const counted = (sensor: string, count: number) =>
  eventually(async () => assert.equal((await totalsOf(sensor)).counted, count));

describe("import", () => {
  test("says what it would do, does it, and counts nothing twice", async () => {
    const path = file(
      "attic.csv",
      "Zeit;Gerät;Temp\n13.01.2020 12:00;a;21,5\n13.01.2020 12:01;a;x\n13.01.2020 12:02;b;22\n13.01.2020 12:02;b;22\n",
    );
    const columns = ["--columns", "time=Zeit,value=Temp,device=Gerät", "--time-format", "DD.MM.YYYY HH:mm"];
    const args = ["import", "attic", path, ...columns, "--timezone", "Europe/Berlin", "--url", url];
    const dry = await done([...args, "--dry-run"]);
    assert.equal(dry.code, 1);
    assert.match(
      dry.stdout,
      /^CSV with ; between columns, with titles: value=Temp, time=Zeit, device=Gerät\n {2}\{"device":"a","id":/,
    );
    assert.match(
      dry.stdout,
      /would import 3 readings to attic \(2020-01-13T11:00:00\S+ to 2020-01-13T11:02:00\S+\); nothing was sent\n$/,
    );
    assert.equal(dry.stderr, 'tidemark: not imported: 1 line\ntidemark:   line 3: the value "x" is no number\n');
    assert.equal((await totalsOf("attic")).counted, 0);
    for (let round = 0; round < 2; round++) {
      const { code, stdout, stderr } = await done(args);
      assert.equal(code, 1);
      assert.match(stdout, /^imported 3 readings to attic /);
      assert.match(stderr, /line 3: the value "x" is no number/);
    }
    await eventually(async () => {
      const { counted, duplicates, conflicts } = await totalsOf("attic");
      assert.deepEqual([counted, duplicates, conflicts], [2, 4, 0]);
    });
  });

  test("lines of the input, and what the server refuses, by their numbers", async () => {
    const lines = Array.from(
      { length: 30 },
      (_, i) => `{"time":${1578913200000 + i * 1000},"value":${i === 4 ? "1e200" : i}}`,
    );
    lines[7] = "nonsense";
    const child = spawn(process.execPath, [join(ROOT, "bin/tidemark.js"), "import", "piped", "-", "--url", url]);
    let stderr = "";
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.stdin.end(lines.join("\n"));
    assert.equal(await new Promise((resolve) => child.on("close", resolve)), 1);
    assert.match(stderr, /not imported: 2 lines\n.* line 8: it is no JSON object.*\n.* line 5: .*1e150/);
    await counted("piped", 28);
    const many = file("many.csv", `time,value\n${"soon,1\n".repeat(1000)}`);
    const bad = await done(["import", "piped", many, "--url", url]);
    assert.match(bad.stderr, /not imported: 1,000 lines\n(?:.*\n){20}.*and 980 more\n$/);
    for (const [args, words] of [
      [["import", "piped", join(folder, "none.csv")], /Cannot read \S+none\.csv: ENOENT/],
      [["import", "piped", many, "--columns", "what=a"], /must be FIELD=COLUMN with commas between them/],
      [["import", "piped", many, "--time-format", "now"], /expected s, ms, us, ns, or a pattern such as DD\.MM\.YYYY/],
      [
        ["import", "piped", file("odd.csv", "a,b,c\n1,2,3\n")],
        /which column is the value is not clear: .* a \| b \| c/,
      ],
    ] as const) {
      const { code, stderr: told } = await done([...args, "--url", url]);
      assert.notEqual(code, 0);
      assert.match(told, words);
    }
  });

  test("killed and begun again: everything once", { timeout: 120_000 }, async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => `${1578913200000 + i * 1000},${(i * 7) % 1000}`);
    const path = file("large.csv", `time,value\n${rows.join("\n")}\n`);
    const args = ["import", "large", path, "--url", url];
    for (let killed = 0; killed < 3; killed++) {
      const { counted: before } = await totalsOf("large");
      const importing = tidemark(args);
      await eventually(async () => {
        const { counted, duplicates = 0 } = await totalsOf("large");
        assert.ok(counted > before || duplicates > 0 || importing.text() !== "");
      });
      importing.kill("SIGKILL");
      await importing.ended;
    }
    assert.match(await succeeded(args), /^imported 60,000 readings to large /);
    await counted("large", 60_000);
    const answer = await fetch(`${url}/compute/metrics`, {
      method: "POST",
      body: '{"large":["count","sum"],"from":"2020-01-13","to":"2020-01-14"}',
    });
    const sum = rows.reduce((total, row) => total + Number(row.split(",")[1]), 0);
    assert.deepEqual(JSON.parse(await answer.text()).result, { large: { count: 60_000, sum } });
  });

  test("shows how far it is on a terminal", { skip: skipWithoutTerminal() }, async () => {
    const rows = Array.from({ length: 200_000 }, (_, i) => `${1578913200000 + i * 1000},1`);
    const path = file("shown.csv", `time,value\n${rows.join("\n")}\n`);
    const line = `${process.execPath} bin/tidemark.js import shown ${path} --dry-run`;
    const terminal = inTerminal(line, ROOT);
    assert.match((await terminal.ended).stdout, /\d+% {2}[\d,]+ readings {2}[\d,]+\/s(?: {2}\d+ s left)?/);
  });
});

describe("export", () => {
  test("every bucket that holds readings, as questions have it, over gaps of years and clock changes", async () => {
    const times = [
      "2020-01-13T11:00:00Z",
      "2020-01-13T11:00:00.500Z",
      "2021-03-28T00:59:59Z",
      "2021-03-28T01:00:00Z",
      "2024-02-29T23:30:00Z",
    ];
    const lines = times.map((time, i) => `{"time":"${time}","value":${i + 0.5}}`);
    await succeeded(["import", "sparse", file("sparse.ndjson", lines.join("\n")), "--url", url]);
    const common = ["export", "sparse", "--url", url];
    assert.equal(
      await succeeded(common),
      `sensor,time,count,mean,min,max
sparse,2020-01-13T11:00:00.000Z,2,1,0.5,1.5
sparse,2021-03-28T00:59:59.000Z,1,2.5,2.5,2.5
sparse,2021-03-28T01:00:00.000Z,1,3.5,3.5,3.5
sparse,2024-02-29T23:30:00.000Z,1,4.5,4.5,4.5
`,
    );
    const days = ["--every", "1d", "--metrics", "max", "--format", "ndjson", "--from", "2021-01-01"];
    assert.equal(
      await succeeded([...common, ...days]),
      '{"sensor":"sparse","time":"2021-03-27T23:00:00.000Z","max":3.5}\n{"sensor":"sparse","time":"2024-02-29T23:00:00.000Z","max":4.5}\n',
    );
    const { code, stderr } = await done(["export", "sparce", "--url", url]);
    assert.equal(code, 1);
    assert.match(stderr, /sparce/);
  });

  test("more buckets than a server answers at once, to a file that is whole or not there", {
    timeout: 60_000,
  }, async () => {
    await counted("large", 60_000);
    const path = join(folder, "out.csv");
    const args = ["export", "large", "--metrics", "count,first", "--output", path, "--url", url];
    const cut = tidemark(args);
    await eventually(async () => assert.ok(existsSync(`${path}.unfinished`) || existsSync(path)));
    cut.kill("SIGKILL");
    await cut.ended;
    rmSync(path, { force: true });
    const whole = await done(args);
    assert.deepEqual([whole.code, whole.stderr], [0, `tidemark: wrote 60,000 rows to ${path}\n`]);
    const rows = readFileSync(path, "utf8").trimEnd().split("\n").slice(1);
    rows.forEach((row, i) => {
      assert.equal(row, `large,${new Date(1578913200000 + i * 1000).toISOString()},1,${(i * 7) % 1000}`);
    });
    assert.equal(rows.length, 60_000);
    const head = spawn("sh", ["-c", `${process.execPath} bin/tidemark.js export large --url ${url} | head -n 2`], {
      cwd: ROOT,
    });
    assert.equal(await new Promise((resolve) => head.on("close", resolve)), 0);
  });
});
