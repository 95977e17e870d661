/** loadConfig: precedence, every refusal's words, and values by their units. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { COMMANDS } from "../../src/config/command-table.ts";
import { childEnvironment, type Invocation, loadConfig, wantsColor } from "../../src/config/config.ts";
import { flagOf, optionOf } from "../../src/config/option-table.ts";
import { CONFIG_FILE, type Environment } from "../../src/config/settings.ts";
import { readTokens } from "../../src/config/token-settings.ts";
import { TidemarkError } from "../../src/core/errors.ts";

const empty = mkdtempSync(join(tmpdir(), "tidemark-config-"));
const filed = mkdtempSync(join(tmpdir(), "tidemark-config-"));
after(() => {
  rmSync(empty, { recursive: true });
  rmSync(filed, { recursive: true });
});

function load(line: string, environment: Environment = {}, cwd = empty): Invocation {
  return loadConfig(line === "" ? [] : line.split(" "), environment, cwd).invocation;
}

function serve(line: string, environment: Environment = {}, cwd = empty) {
  const invocation = load(`serve ${line}`.trim(), environment, cwd);
  assert.ok(invocation.command === "serve");
  return invocation.config;
}

function refusal(line: string, environment: Environment = {}, cwd = empty): string {
  try {
    load(line, environment, cwd);
  } catch (error) {
    assert.ok(error instanceof TidemarkError, String(error));
    assert.ok(["config-invalid", "bind-refused"].includes(error.code));
    return error.message;
  }
  assert.fail(`${line} was taken`);
}

describe("where a setting comes from", () => {
  test("defaults", () => {
    const config = serve("--timezone UTC");
    assert.deepEqual(config, {
      log: { kind: "local" },
      data: join(empty, "data"),
      hosts: ["127.0.0.1", "::1"],
      port: 5000,
      sensors: null,
      topics: null,
      createTopics: false,
      timezone: "UTC",
      keepMs: null,
      revisionBytes: 256e6,
      logRetentionBytes: 2e9,
      clockAheadMs: 300_000,
      deviceSeries: 1000,
      logFormat: "text",
      tokens: [],
      tls: null,
      requestsPerSecond: null,
      allowAnonymous: false,
      publicUrls: [],
      influx: { sensor: ["{domain}.{entity_id}"], device: [] },
      corsOrigins: [],
      mqttListen: null,
      doors: {
        file: join(empty, CONFIG_FILE),
        map: undefined,
        mqtt: undefined,
        mqttUser: undefined,
        mqttPassword: undefined,
      },
      alerts: { file: join(empty, CONFIG_FILE), alerts: undefined },
    });
  });

  test("a flag wins over the environment, that over the file, that over the default", () => {
    writeFileSync(join(filed, CONFIG_FILE), JSON.stringify({ port: 6003, keep: "3d", sensors: ["a", "b"] }));
    const environment = { TIDEMARK_PORT: "6002", TIDEMARK_KEEP: "2d" };
    const config = serve("--port 6001", environment, filed);
    assert.equal(config.port, 6001);
    assert.equal(config.keepMs, 2 * 86_400_000);
    assert.deepEqual(config.sensors, ["a", "b"]);
    assert.equal(config.clockAheadMs, 300_000);
  });

  test("an empty variable is an unset one, and the last of two equal flags holds", () => {
    assert.equal(serve("", { TIDEMARK_PORT: "" }).port, 5000);
    assert.equal(serve("--port 1 --port=2").port, 2);
  });

  test("unknown variables are warned of, not those of tests", () => {
    const environment = { TIDEMARK_PROT: "1", TIDEMARK_TEST_KAFKA: "x", TIDEMARK_KAFKA_USER: "u", OTHER: "1" };
    assert.deepEqual(loadConfig(["serve"], environment, empty).warnings, [
      "TIDEMARK_PROT is set but no option; did you mean TIDEMARK_PORT?",
    ]);
  });

  test("what a child is given is what was given here, with an absolute data directory", () => {
    const { invocation } = loadConfig(["start", "--data", "d", "--port=7"], { TIDEMARK_KEEP: "9d" }, empty);
    assert.ok(invocation.command === "start");
    const environment = childEnvironment(invocation.given, { TIDEMARK_SENSORS: "x" }, "/log");
    const ours = Object.entries(environment).filter(([name]) => /^TIDEMARK_(?!TEST_)/.test(name));
    assert.deepEqual(Object.fromEntries(ours), {
      TIDEMARK_DATA: join(empty, "d"),
      TIDEMARK_PORT: "7",
      TIDEMARK_KEEP: "9d",
      TIDEMARK_SENSORS: "x",
      TIDEMARK_BACKGROUND_LOG: "/log",
    });
  });
});

describe("values", () => {
  test("sizes", () => {
    for (const [text, bytes] of [
      ["2GB", 2e9],
      ["1TiB", 2 ** 40],
      ["16.5mb", 16_500_000],
      ["64 MiB", 2 ** 26],
    ] as const) {
      assert.equal(serve("", { TIDEMARK_LOG_RETENTION: text }).logRetentionBytes, bytes, text);
      assert.equal(serve("", { TIDEMARK_REVISIONS: text }).revisionBytes, bytes, text);
    }
  });

  test("durations", () => {
    for (const [text, ms] of [
      ["400d", 34_560_000_000],
      ["1.5d", 129_600_000],
      ["52w", 52 * 604_800_000],
      ["10y", 315_576_000_000],
      ["forever", null],
    ] as const) {
      assert.equal(serve(`--keep ${text}`).keepMs, ms, text);
    }
    assert.equal(serve("--clock-ahead 90s").clockAheadMs, 90_000);
    assert.equal(serve("--device-series 0").deviceSeries, 0);
  });

  test("logs", () => {
    assert.deepEqual(serve("--log kafka://a:9092,[::1]:9093").log, {
      kind: "kafka",
      brokers: ["a:9092", "[::1]:9093"],
      tls: false,
      ca: null,
      sasl: null,
    });
    assert.deepEqual(serve("--log kafka://me:p%40ss%3A@a:1/?tls=true&sasl=scram-sha-512").log, {
      kind: "kafka",
      brokers: ["a:1"],
      tls: true,
      ca: null,
      sasl: { mechanism: "SCRAM-SHA-512", user: "me", password: "p@ss:" },
    });
    const log = serve("--log kafka://a:1", { TIDEMARK_KAFKA_USER: "u:$&", TIDEMARK_KAFKA_PASSWORD: "p/@" }).log;
    assert.ok(log.kind === "kafka");
    assert.deepEqual(log.sasl, { mechanism: "PLAIN", user: "u:$&", password: "p/@" });
    const [ca, password] = [join(filed, "ca.pem"), join(filed, "password")];
    writeFileSync(ca, "an authority");
    writeFileSync(password, "p @:\n");
    const line = `--log kafka://a:1?sasl=scram-sha-256 --kafka-user u --kafka-password-file ${password} --kafka-ca ${ca}`;
    const filedLog = serve(line, {}).log;
    assert.ok(filedLog.kind === "kafka");
    const sasl = { mechanism: "SCRAM-SHA-256", user: "u", password: "p @:" };
    assert.deepEqual([filedLog.tls, filedLog.ca, filedLog.sasl], [true, "an authority", sasl]);
    writeFileSync(password, "two\nlines\n");
    assert.match(refusal(`serve ${line}`), /^Cannot use --kafka-password-file: expected one line in \S+password$/);
  });

  test("sensors, hosts, zones", () => {
    assert.deepEqual(serve("", { TIDEMARK_SENSORS: " a, b.c ,D_-9" }).sensors, ["a", "b.c", "D_-9"]);
    assert.deepEqual(serve("--host [::1],127.0.0.2").hosts, ["::1", "127.0.0.2"]);
    const origins =
      "--public-url https://A.example/ --public-url https://b.example:8443,http://c --cors-origin https://d";
    assert.deepEqual(serve(origins).publicUrls, ["https://a.example", "https://b.example:8443", "http://c"]);
    assert.deepEqual(serve(origins).corsOrigins, ["https://d"]);
    assert.equal(serve("--timezone europe/berlin").timezone, "Europe/Berlin");
    // The machine's own, as POSIX has it: never UTC by mistake, never with its sign turned.
    assert.equal(serve("", { TZ: "GMT-2" }).timezone, "+02:00");
    assert.equal(serve("", { TZ: "CET-1CEST,M3.5.0,M10.5.0/3" }).timezone, "CET-1CEST,M3.5.0,M10.5.0/3");
    assert.equal(serve("--timezone UTC", { TZ: "nonsense" }).timezone, "UTC");
    assert.match(
      refusal("serve", { TZ: "CET-1CEST" }),
      /^Cannot use the time zone of this machine: TZ is "CET-1CEST"; expected/,
    );
  });

  test("what is followed: a list, a rule for topics, or what there is to follow by default", () => {
    const followed = (line: string) => {
      const { sensors, topics, createTopics } = serve(line);
      return [sensors, topics === null ? null : [topics.include.source, topics.exclude?.source], createTopics];
    };
    const kafka = "--log kafka://a:1";
    assert.deepEqual(followed(""), [null, null, false]);
    assert.deepEqual(followed("--sensors a"), [["a"], null, false]);
    assert.deepEqual(followed(kafka), [["temperature", "humidity", "pressure"], null, false]);
    assert.deepEqual(followed(`${kafka} --sensors a,b --create-topics`), [["a", "b"], null, true]);
    assert.deepEqual(followed(`${kafka} --topics plant-.*`), [null, ["^(?:plant-.*)$", undefined], false]);
    assert.deepEqual(followed(`${kafka} --topics a|b --topics-exclude .*b`), [null, ["^(?:a|b)$", "^(?:.*b)$"], false]);
    const { topics } = serve(`${kafka} --topics a|b`);
    assert.deepEqual(
      ["a", "b", "ab", "xa", "bx"].filter((name) => topics?.include.test(name)),
      ["a", "b"],
    );
  });

  test("what is simulated: what was asked for; the demonstration only where nothing real is named", () => {
    const simulated = (line: string, environment: Environment = {}) => {
      const invocation = load(`start ${line}`.trim(), environment);
      assert.ok(invocation.command === "start");
      return invocation.simulate;
    };
    const asked = (sensors: readonly string[] | null) => ({ sensors, isDemonstration: false });
    assert.equal(simulated(""), null);
    assert.equal(simulated("--sensors a"), null);
    assert.deepEqual(simulated("--simulate"), asked(null));
    assert.deepEqual(simulated("--simulate --port 1"), asked(null));
    assert.deepEqual(simulated("--simulate a,b --demo"), asked(["a", "b"]));
    assert.deepEqual(simulated("--simulate=a"), asked(["a"]));
    assert.deepEqual(simulated("--demo"), { sensors: null, isDemonstration: true });
    assert.deepEqual(simulated("--demo --sensors a"), { sensors: ["a"], isDemonstration: true });
    assert.equal(simulated("--demo", { TIDEMARK_SENSORS: "a" }), null);
    assert.equal(simulated("--demo --log kafka://a:1"), null);
    assert.equal(simulated("--demo", { TIDEMARK_LOG: "kafka://a:1" }), null);
    assert.deepEqual(simulated("--log kafka://a:1 --simulate x"), asked(["x"]));
    const alone = load("start --log kafka://a:1 --simulate x,y");
    assert.ok(alone.command === "start");
    assert.deepEqual(alone.config.sensors, ["x", "y"]);
  });

  test("a sensor's own options", () => {
    const invocation = load(
      "sensor temperature --to http://127.0.0.1:9/t --rate 0.5 --count 7 --seed 3 --late 0.05 --from 2020-01-13T15:12Z",
    );
    assert.ok(invocation.command === "sensor");
    const { sensor } = invocation;
    assert.ok(sensor.target?.kind === "http");
    assert.equal(sensor.target.url.href, "http://127.0.0.1:9/t/");
    assert.deepEqual(
      [sensor.rate, sensor.count, sensor.seed, sensor.late, sensor.duplicates, sensor.fromMs],
      [0.5, 7, 3, 0.05, 0, Date.UTC(2020, 0, 13, 15, 12)],
    );
    const named = load("sensor t --device d");
    assert.ok(named.command === "sensor");
    assert.equal(named.sensor.device, "simulator-d");
    const berlin = load("sensor t --from 2020-07-13 --timezone Europe/Berlin");
    assert.ok(berlin.command === "sensor");
    assert.equal(berlin.sensor.fromMs, Date.UTC(2020, 6, 12, 22));
    const hour = load("sensor t --from -1h");
    assert.ok(hour.command === "sensor");
    assert.ok(Math.abs((hour.sensor.fromMs ?? 0) - (Date.now() - 3_600_000)) < 60_000);
    const kafka = load("sensor t", { TIDEMARK_LOG: "kafka://b:1" });
    assert.ok(kafka.command === "sensor" && kafka.sensor.target?.kind === "kafka");
  });

  test("a client asks the port that was given, else what runs on the data directory", () => {
    const given = load("watch --port 81");
    assert.ok(given.command === "watch");
    assert.equal(given.watch.client.url?.href, "http://127.0.0.1:81/");
    const open = load("watch");
    assert.ok(open.command === "watch");
    assert.equal(open.watch.client.url, null);
    const far = load("watch", { TIDEMARK_URL: "https://tide.example/a", TIDEMARK_PORT: "7" });
    assert.ok(far.command === "watch");
    assert.equal(far.watch.client.url?.href, "https://tide.example/a/");
  });

  test("queries and lists", () => {
    const query = load("query temperature,humidity count p99.9 --from 2020-01-13 --json");
    assert.ok(query.command === "query");
    assert.deepEqual(query.query.patterns, ["temperature", "humidity"]);
    assert.deepEqual(
      query.query.words.map(({ text, isMetric }) => [text, isMetric]),
      [
        ["count", true],
        ["p99.9", true],
      ],
    );
    const mixed = load("query plant-* attic,avg mean --json");
    assert.ok(mixed.command === "query");
    assert.deepEqual(
      mixed.query.words.map(({ text, isMetric, near }) => [text, isMetric, near]),
      [
        ["attic", false, undefined],
        ["avg", false, "average"],
        ["mean", true, undefined],
      ],
    );
    assert.deepEqual([query.query.from, query.query.to, query.query.json], ["2020-01-13", null, true]);
    const relative = load("query t --from -24h --to now/d --timezone asia/tokyo");
    assert.ok(relative.command === "query");
    const { from, to, timezone } = relative.query;
    assert.deepEqual([from, to, timezone, query.query.timezone], ["-24h", "now/d", "Asia/Tokyo", null]);
    const half = load("query t --to-exclusive 2020-01-14");
    assert.ok(half.command === "query");
    assert.deepEqual([half.query.to, half.query.toExclusive], [null, "2020-01-14"]);
    const list = load("quarantine release 3 4");
    assert.ok(list.command === "quarantine");
    assert.deepEqual([list.list.action, list.list.ids, list.list.all], ["release", [3, 4], false]);
    const chosen = load("quarantine discard --sensor a --device d");
    assert.ok(chosen.command === "quarantine");
    assert.deepEqual([chosen.list.sensor, chosen.list.device, chosen.list.ids], ["a", "d", []]);
  });
});

describe("refusals say what was expected", () => {
  const cases: readonly (readonly [string, RegExp, Environment?])[] = [
    ["srve", /^Cannot do "srve": expected run, .*; did you mean serve\?$/],
    [
      "serve --prot 1",
      /^Cannot use --prot: serve has no such option; did you mean --port\? \(see tidemark serve --help\)$/,
    ],
    ["serve -p 1", /^Cannot use -p: serve has no such option/],
    ["stop --port 1", /^Cannot use --port: stop has no such option/],
    ["serve extra", /^Cannot serve "extra": expected options only$/],
    ["serve --port", /^Cannot use --port: expected a value after it \(N\)$/],
    ["serve --port --log local", /^Cannot use --port: expected a value after it/],
    ["serve --port 65536", /^Cannot use --port: must be a whole number from 0 to 65535, was "65536"$/],
    ["serve --port 0x10", /^Cannot use --port: must be a whole number/],
    ["serve --port 1e3", /^Cannot use --port: must be a whole number/],
    ["serve --port -1", /^Cannot use --port: must be a whole number/],
    ["serve", /^Cannot use TIDEMARK_PORT: must be a whole number.*was "tcp:/, { TIDEMARK_PORT: "tcp://10.0.0.1:5000" }],
    ["serve --keep 400", /^Cannot use --keep: must be a duration .*400d.*"forever", was "400"$/],
    ["serve --keep 1h", /^Cannot use --keep: must be a duration of at least 1d/],
    ["serve --log-retention 2", /^Cannot use --log-retention: must be a size of at least 16MB/],
    ["serve --log-retention 1MB", /at least 16MB/],
    ["serve --device-series -1", /^Cannot use --device-series: must be a whole number from 0/],
    ["devices", /^Cannot list devices: expected a sensor/],
    ["devices a b", /^Cannot list devices of 2 sensors: expected one/],
    ["query a --top 3", /^Cannot use --top: expected --by-device/],
    ["query a --device d --by-device", /^Cannot use --device with --by-device/],
    ["serve --clock-ahead 5x", /^Cannot use --clock-ahead: must be a duration of at least 1s/],
    ["serve --sensors a,a", /each sensor once, "a" is there twice/],
    ["serve --sensors a,,b", /names separated by commas/],
    ["serve --sensors from", /other than "from", "to", "toExclusive", "__proto__"/],
    ["serve --sensors to", /other than/],
    ["serve --sensors __proto__", /other than/],
    ["serve --sensors a/b", /1 to 249 characters/],
    [`serve --sensors ${"x".repeat(250)}`, /1 to 249 characters/],
    ["serve --sensors ..", /other than/],
    [
      "serve --topics x",
      /^Cannot use --topics: expected --log kafka:.* on the local log a sensor appears with its first/,
    ],
    ["serve --topics-exclude x", /^Cannot use --topics-exclude: expected --log kafka:/],
    ["serve --create-topics", /^Cannot use --create-topics: expected --log kafka:/],
    ["serve --log kafka://a:1 --topics (", /^Cannot use --topics: must be a regular expression .*Unterminated group/],
    ["serve --log kafka://a:1 --topics a)(b", /^Cannot use --topics: must be a regular expression .*Unmatched/],
    ["serve --log kafka://a:1 --topics a --topics-exclude *", /^Cannot use --topics-exclude: must be a regular exp/],
    ["serve --log kafka://a:1 --topics-exclude a", /^Cannot use --topics-exclude: expected --topics with it$/],
    [
      "serve --log kafka://a:1 --topics a",
      /^Cannot use --topics with TIDEMARK_SENSORS: expected one of them/,
      { TIDEMARK_SENSORS: "x" },
    ],
    ["serve --timezone Mars/Base", /an IANA name such as/],
    ["serve --log redis://x", /must be local or kafka:\/\/host:port/],
    ["serve --log kafka://x", /must be local or kafka/],
    ["serve --log kafka://x:99999", /must be local or kafka/],
    ["serve --log kafka://x:1?acks=0", /must be local or kafka/],
    ["serve --log kafka://x:1?sasl=plain", /must be local or kafka/],
    ["serve --log kafka://x:1?reader=own", /must be local or kafka/],
    ["serve --host a/b", /addresses separated by commas/],
    ["serve --host 0.0.0.0", /^Cannot listen on 0\.0\.0\.0: other machines reach it; expected --token/],
    ["serve --host example", /^Cannot listen on example/],
    ["serve --token short", /^Cannot use --token: must be a token of 16 to 256 characters.*"\/"$/],
    [
      "serve --public-url tidemark.example",
      /--public-url: must be origins separated by commas .*, was "tidemark.example"$/,
    ],
    ["serve --public-url https://tidemark.example/sub", /without a path, was/],
    ["serve --mqtt-listen mqtt", /--mqtt-listen: must be/],
    ["serve --mqtt-listen 70000", /--mqtt-listen: must be/],
    ["serve --cors-origin *", /--cors-origin: must be origins/],
    ["serve --cors-origin null", /--cors-origin: must be origins/],
    ["serve --allow-anonymous=maybe", /"true" or "false"/],
    ["sensor", /expected one name, were 0/],
    ["sensor a b", /expected one name, were 2/],
    ["sensor from", /sensor name other than/],
    ["sensor a --to ftp://x", /http:\/\/host:port, https/],
    ["start --simulate a,,b", /^Cannot use --simulate: must be names separated by commas/],
    ["serve --simulate", /^Cannot use --simulate: serve has no such option/],
    [`sensor a --device ${"x".repeat(247)}`, /must be a name of 1 to 246 bytes/],
    ["sensor a --rate 0", /from 0.00000001 to 10000/],
    ["sensor a --duplicates 1.5", /a number from 0 to 1/],
    ["sensor a --from someday", /"YYYY-MM-DD"/],
    ["sensor a --from 1578928320", /ten digits look like seconds/],
    ["watch a/b", /^Cannot find sensors "a\/b"/],
    ["watch --url localhost:5000", /http:\/\/host:port/],
    ["query", /expected a sensor/],
    ["query a/b", /^Cannot find sensors "a\/b": expected a sensor name .*, or with \* and \? for any others$/],
    ["send", /^Cannot send: expected a sensor/],
    ["send a/b 1", /^Cannot send to "a\/b": expected a sensor name/],
    ["send a 1 x", /^Cannot send "x": expected a number/],
    ["send a 1 --time soon", /^Cannot use --time: must be "YYYY-MM-DD"/],
    [`send a 1 --boot ${"x".repeat(257)}`, /^Cannot use --boot: must be a name of 1 to 256 bytes/],
    ["series", /^Cannot draw: expected a sensor/],
    ["series a --metrics men", /^Cannot use --metrics: must be metrics .*did you mean mean\?/],
    ["series a --every 1x", /^Cannot use --every: must be a whole number and s, m, h/],
    ["series a --every 1h --points 5", /^Cannot use --points with --every/],
    ["series a --points 2001", /from 1 to 2000/],
    ["series a --format tabel", /did you mean table\?/],
    ["sensors --sort aeg", /^Cannot use --sort: must be name, .*; did you mean age\?/],
    ["quarantine relase 1", /did you mean release\?/],
    ["quarantine release", /expected either IDs, or --all, or --sensor or --device/],
    ["quarantine release 1 --all", /expected either IDs/],
    ["quarantine discard --all --sensor a", /expected either IDs/],
    ["quarantine discard --all --after 3", /--after is for list only/],
    ["quarantine discard --all --limit 3", /--limit is for list only/],
    ["quarantine --all", /expected no ID, --all or --device/],
    ["rejections discard --device d", /they are of no device/],
    ["quarantine list 1", /expected no ID/],
    ["rejections discard x", /expected an ID/],
    ["skip", /expected SENSOR PARTITION --to OFFSET/],
    ["skip temperature 0", /expected --to OFFSET/],
    ["skip temperature -1 --to 3", /./],
    ["skip temperature x --to 3", /expected a partition/],
    ["skip temperature 0 --to 0", /from 1 to/],
    ["help srve", /did you mean serve/],
  ];
  for (const [line, words, environment] of cases) {
    test(line.slice(0, 60), () => assert.match(refusal(line, environment), words));
  }

  test("no secret is shown", () => {
    assert.doesNotMatch(refusal("serve --token s3cret"), /s3cret/);
    for (const role of ["read", "write", "admin"]) {
      const variable = `TIDEMARK_TOKEN_${role.toUpperCase()}`;
      assert.match(
        refusal("serve", { [variable]: "s3cret,0123456789abcdef" }),
        new RegExp(`${variable}: must be a token`),
      );
      assert.doesNotMatch(refusal("serve", { [variable]: "0123456789abcdef,s3cret" }), /s3cret|0123/);
    }
    assert.doesNotMatch(refusal("serve --log kafka://me:s3cret@x"), /s3cret/);
  });

  test("an open address with a token, or without one on purpose", () => {
    assert.equal(serve("--host 0.0.0.0 --allow-anonymous").allowAnonymous, true);
    assert.equal(serve("--host ::", { TIDEMARK_TOKEN: "0123456789abcdef" }).tokens.length, 1);
    assert.equal(serve("--host ::", { TIDEMARK_TOKEN_WRITE: "0123456789abcdef" }).tokens.length, 1);
  });

  test("tokens of roles, from flags, variables, the file and files of their own", () => {
    const path = join(filed, "tokens");
    writeFileSync(path, "# of the roof\n\n  file-0123456789ab \r\nfile-1123456789ab\n");
    writeFileSync(
      join(filed, CONFIG_FILE),
      JSON.stringify({ "token-read": ["config-0123456789", "config-1123456789"] }),
    );
    const given = { TIDEMARK_TOKEN_WRITE_FILE: "tokens", TIDEMARK_TOKEN_ADMIN: "variable-01234567" };
    const config = serve("--token flag-0123456789ab --token flag-1123456789ab", given, filed);
    const tokens = readTokens(config.tokens).map(({ text, roles }) => `${text}: ${roles}`);
    assert.deepEqual(tokens, [
      ...["flag-0123456789ab: read,write,admin", "flag-1123456789ab: read,write,admin"],
      ...["config-0123456789: read", "config-1123456789: read"],
      ...["file-0123456789ab: write", "file-1123456789ab: write"],
      "variable-01234567: admin",
    ]);
    const query = load("query temperature", given, filed);
    assert.ok(query.command === "query");
    assert.deepEqual(query.query.client.tokens, {
      read: "config-0123456789",
      write: "file-0123456789ab",
      admin: "variable-01234567",
    });
    for (const [content, words] of [
      ["", /Cannot use TIDEMARK_TOKEN_FILE: expected a token a line in .*tokens, it has none$/],
      ["file-0123456789ab\ns3cret\n", /line 2 of .*tokens must be a token of 16 to 256 characters/],
      ["0123456789abcdef\n".repeat(65), /expected <= 64 at one time, were 65$/],
    ] as const) {
      writeFileSync(path, content);
      rmSync(join(filed, CONFIG_FILE), { force: true });
      assert.match(refusal("serve", { TIDEMARK_TOKEN_FILE: path }), words);
      assert.doesNotMatch(refusal("serve", { TIDEMARK_TOKEN_FILE: path }), /s3cret|0123/);
    }
    rmSync(path);
    assert.match(
      refusal("serve --token-read-file tokens", {}, filed),
      /^Cannot use --token-read-file: cannot read .*ENOENT/,
    );
  });

  test("the configuration file", () => {
    const path = join(filed, CONFIG_FILE);
    for (const [content, words] of [
      ["{", /Cannot read .*tidemark\.config\.json: /],
      ["[]", /expected a JSON object/],
      ['{"prot":1}', /Cannot use "prot" in .*; did you mean port\?/],
      ['{"rate":1}', /Cannot use "rate"/],
      ['{"port":{}}', /expected a text, a number/],
      ['{"port":"x"}', /^Cannot use "port" in tidemark\.config\.json: must be a whole number/],
    ] as const) {
      writeFileSync(path, content);
      assert.match(refusal("serve", {}, filed), words, content);
    }
  });
});

describe("help", () => {
  test("of the program names every command", () => {
    for (const line of ["", "help", "-h", "--help"]) {
      const invocation = load(line);
      assert.ok(invocation.command === "help");
      for (const { name } of COMMANDS) assert.match(invocation.text, new RegExp(`^  ${name} `, "m"));
    }
  });

  test("of a command names every option of it, whatever else is there", () => {
    for (const command of COMMANDS) {
      const invocation = load(`${command.name} x y --help`);
      assert.ok(invocation.command === "help");
      for (const id of command.options) assert.ok(invocation.text.includes(`--${flagOf(id)} `), flagOf(id));
      for (const text of invocation.text.split("\n")) assert.ok(text.length <= 116, text);
    }
  });

  test("no two options of a command have one flag, and kept ones of one flag are one option", () => {
    for (const command of COMMANDS) {
      const flags = command.options.map(flagOf);
      assert.equal(new Set(flags).size, flags.length, command.name);
    }
    const kept = new Set(COMMANDS.flatMap((command) => command.options.filter((id) => optionOf(id).kept === true)));
    assert.equal(new Set([...kept].map(flagOf)).size, kept.size);
  });
});

test("colour: NO_COLOR over FORCE_COLOR over what the stream is", () => {
  assert.equal(wantsColor({}, true), true);
  assert.equal(wantsColor({}, false), false);
  assert.equal(wantsColor({ TERM: "dumb" }, true), false);
  assert.equal(wantsColor({ FORCE_COLOR: "1" }, false), true);
  assert.equal(wantsColor({ FORCE_COLOR: "0" }, true), false);
  assert.equal(wantsColor({ NO_COLOR: "1", FORCE_COLOR: "1" }, true), false);
  assert.equal(wantsColor({ NO_COLOR: "" }, true), true);
});
