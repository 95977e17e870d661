/** TLS of a real server, with curl, openssl and our own commands as clients. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, copyFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Authority, skipWithoutOpenssl } from "./certificates.ts";
import { dataDirectory, done, launch, succeeded, tidemark } from "./cli.ts";

const TOKEN = "a-token-of-some-length";
const BODY = '{"temperature":["count","max"],"from":"2020-01-13","to":"2020-01-13",}';

describe("TLS", { skip: skipWithoutOpenssl() }, () => {
  const authority = new Authority();
  after(() => authority.remove());
  const [cert, key] = [join(authority.directory, "now.pem"), join(authority.directory, "now.key")];
  const use = (one: { cert: string; key: string }): void => {
    copyFileSync(one.key, key);
    copyFileSync(one.cert, cert);
    chmodSync(key, 0o600);
  };

  const curl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await launch("curl", ["-sS", "-i", "--cacert", authority.ca, ...args]).ended;
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const fails = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await launch("curl", ["-sS", "--cacert", authority.ca, ...args]).ended;
    assert.notEqual(code, 0);
    return stderr;
  };

  test("the same bytes as without it, for curl, our commands and plain HTTP's surprise", async () => {
    use(authority.sign("DNS:localhost,IP:127.0.0.1"));
    const [data, other] = [dataDirectory(), dataDirectory()];
    const flags = ["--port", "0", "--timezone", "UTC"];
    const plain = tidemark(["serve", "--data", other.path, ...flags], { TIDEMARK_TOKEN: TOKEN });
    const secure = tidemark(["serve", "--data", data.path, ...flags], {
      TIDEMARK_TOKEN: TOKEN,
      TIDEMARK_TLS_CERT: cert,
      TIDEMARK_TLS_KEY: key,
    });
    const [http, https] = [await urlOf(plain), await urlOf(secure)];
    assert.match(https, /^https:\/\/127\.0\.0\.1:/);
    const bearer = ["-H", `Authorization: Bearer ${TOKEN}`];
    const line = '{"device":"d","boot":"b","sequence":1,"value":21.5,"time":"2020-01-13T15:12:00Z"}';
    for (const url of [http, https]) {
      assert.match(await curl(...bearer, "--data", line, `${url}/readings/temperature`), /\{"appended":1\}$/);
    }
    const requests: string[][] = [
      ["--data", BODY, "/compute/metrics"],
      ["--data", BODY, "/compute/metrics?timezone=UTC"],
      ["--data", "{", "/compute/metrics"],
      ["/sensors/nowhere"],
      ["/series?sensor=temperature&every=1h&from=2020-01-13T15:00&to=2020-01-13T15:59"],
      ["-X", "PUT", "/sensors"],
    ];
    for (const request of requests) {
      const [path, ...rest] = request.toReversed();
      const answers = [http, https].map((url) => curl(...bearer, ...rest.toReversed(), `${url}${path}`));
      const [one, two] = (await Promise.all(answers)).map((text) => text.replace(/Date: .*/, "Date: X"));
      assert.equal(two, one);
    }
    for (const version of ["--tlsv1.2", "--tlsv1.3"]) {
      const ends = ["--tls-max", version.slice("--tlsv".length), version];
      assert.match(await curl(...bearer, ...ends, "--data", BODY, `${https}/compute/metrics`), /"count":1,"max":21.5/);
    }
    await fails("--tls-max", "1.1", `${https}/livez`);
    const [, session] =
      /set-cookie: (.*)/i.exec(await curl("--data", `{"token":"${TOKEN}"}`, `${https}/session`)) ?? [];
    assert.match(session ?? "", /; Secure\r?$/);
    assert.doesNotMatch(await curl(`${https}/`), /strict-transport-security/i);
    assert.match(await curl(`http://${https.slice("https://".length)}/livez`), /400 .*expected TLS \(https:\/\/\)/s);

    const trusting = { TIDEMARK_TOKEN: TOKEN, TIDEMARK_CA: authority.ca };
    const query = ["query", "temperature", "count", "--from", "2020-01-13", "--to", "2020-01-13"];
    assert.match(await succeeded([...query, "--url", https], trusting), /\b1\b/);
    assert.match(await succeeded([...query, "--url", https, "--ca", authority.ca], { TIDEMARK_TOKEN: TOKEN }), /\b1\b/);
    assert.match(await succeeded([...query, "--data", data.path], { TIDEMARK_TOKEN: TOKEN }), /\b1\b/);
    await succeeded(["send", "temperature", "3", "--url", https], trusting);
    const sensor = await succeeded(["sensor", "noise", "--count", "2", "--rate", "50", "--url", https], trusting);
    assert.match(sensor, /2 acknowledged/);
    const unknown = await done([...query, "--url", https], { TIDEMARK_TOKEN: TOKEN });
    assert.match(
      unknown.stderr,
      /Cannot reach https:\S+: its certificate is of no authority that is known here; --ca names one/,
    );
    const metrics = await curl(...bearer, "-H", "Accept: application/json", `${https}/metrics`);
    const [, expires] = /"tidemark_tls_certificate_expires_seconds":(\d+)/.exec(metrics) ?? [];
    assert.ok(Number(expires) * 1000 > Date.now(), metrics);
    assert.match(secure.text(), /notice: the certificate \S+ expires in [12]\.\d days/);
    for (const server of [plain, secure]) server.kill("SIGTERM");
    for (const server of [plain, secure]) assert.equal((await server.ended).code, 0);
    for (const directory of [data, other]) await directory.remove();
  });

  test("a renewed certificate is shown to new connections, and those that there are go on", async () => {
    use(authority.sign("DNS:one.test"));
    const data = dataDirectory();
    const flags = ["--data", data.path, "--port", "0", "--tls-cert", cert, "--tls-key", key];
    const server = tidemark(["serve", ...flags]);
    const port = new URL(await urlOf(server)).port;
    const as = (name: string) => [
      "--resolve",
      `${name}:${port}:127.0.0.1`,
      "-H",
      "Host: localhost",
      `https://${name}:${port}`,
    ];
    const stream = new Stream(port, authority.ca);
    await stream.until(/event: snapshot/);
    assert.match(await curl(...withPath(as("one.test"), "/livez")), /200 OK/);
    use(authority.sign("DNS:two.test"));
    server.kill("SIGHUP");
    await server.until(/read the certificate again/);
    assert.match(await curl(...withPath(as("two.test"), "/livez")), /200 OK/);
    assert.match(await fails(...withPath(as("one.test"), "/livez")), /subject|match/i);
    const sent = ["--data", "21.5"];
    assert.match(await curl(...sent, ...withPath(as("two.test"), "/readings/temperature")), /"appended":1/);
    await stream.until(/"lastValue":21\.5|21\.5/); // on the old connection
    stream.end();
    copyFileSync(authority.sign("DNS:three.test").key, key); // of another certificate
    server.kill("SIGHUP");
    await server.until(
      /the certificate stays as it was: Cannot use the certificate of --tls-cert: expected .* its own key/,
    );
    assert.match(await curl(...withPath(as("two.test"), "/livez")), /200 OK/);
    server.kill("SIGTERM");
    assert.equal((await server.ended).code, 0);
    await data.remove();
  });

  test("what cannot be used ends the start with a line that says why", async () => {
    const data = dataDirectory();
    const [good, expired] = [authority.sign("DNS:localhost"), authority.sign("DNS:localhost", -1)];
    const missing = join(authority.directory, "missing");
    for (const [flags, words] of [
      [["--tls-cert", good.cert], /Cannot use --tls-cert: expected --tls-key with it/],
      [["--tls-cert", good.cert, "--tls-key", missing], /cannot read \S+missing: ENOENT/],
      [["--tls-cert", expired.cert, "--tls-key", expired.key], /expected one that is still valid, was expired on /],
      [["--tls-cert", good.cert, "--tls-key", expired.key], /expected the PEM of a certificate and of its own key/],
      [["--tls-cert", good.key, "--tls-key", good.key], /expected PEM, the server's own certificate first/],
    ] as const) {
      const { code, stderr } = await done(["serve", "--data", data.path, "--port", "0", ...flags]);
      assert.notEqual(code, 0);
      assert.match(stderr, words);
      assert.doesNotMatch(stderr, /PRIVATE|BUG/);
    }
    chmodSync(good.key, 0o644);
    const server = tidemark([
      "serve",
      "--data",
      data.path,
      "--port",
      "0",
      "--tls-cert",
      good.cert,
      "--tls-key",
      good.key,
    ]);
    await server.until(/notice: every user can read the key \S+: chmod 600/);
    server.kill("SIGTERM");
    await server.ended;
    await data.remove();
  });

  test("start, its readiness and simulators find a server whose certificate is for another name", async () => {
    use(authority.sign("DNS:tidemark.example"));
    const data = dataDirectory();
    const flags = [
      "--data",
      data.path,
      "--port",
      "0",
      "--tls-cert",
      cert,
      "--tls-key",
      key,
      "--sensors",
      "a",
      "--simulate",
    ];
    assert.match(await succeeded(["start", ...flags], { TIDEMARK_TOKEN: TOKEN }), /started: https:/);
    for (let out = ""; !/\b[1-9]/.test(out); ) {
      out = (await done(["query", "a", "count", "--data", data.path], { TIDEMARK_TOKEN: TOKEN })).stdout;
    }
    assert.match(await succeeded(["stop", "--data", data.path]), /ended the server/);
    await data.remove();
  });

  test("connections that do not finish a handshake are counted, and cut at the end", async () => {
    use(authority.sign("DNS:localhost,IP:127.0.0.1"));
    const data = dataDirectory();
    const server = tidemark(["serve", "--data", data.path, "--port", "0", "--tls-cert", cert, "--tls-key", key]);
    const url = await urlOf(server);
    const silent = Array.from({ length: 8 }, () => connect(Number(new URL(url).port), "127.0.0.1"));
    for (const socket of silent) socket.on("error", () => {});
    silent[0].write(Buffer.from([0x16, 3, 1])); // half a handshake
    for (let open = 0; open < 8; ) {
      const { connections } = JSON.parse((await curl(`${url}/livez`)).split("\r\n\r\n")[1]);
      open = connections.open;
    }
    server.kill("SIGTERM");
    assert.equal((await server.ended).code, 0);
    for (const socket of silent) socket.destroy();
    await data.remove();
  });
});

async function urlOf(server: { until(pattern: RegExp): Promise<string> }): Promise<string> {
  const text = await server.until(/listening on (\S+):/);
  return /listening on (\S+):/.exec(text)?.[1] ?? assert.fail(text);
}

function withPath(args: string[], path: string): string[] {
  return [...args.slice(0, -1), args[args.length - 1] + path];
}

/** The live stream on one connection, by openssl's own client. */
class Stream {
  readonly #child: ChildProcess;
  #text = "";
  #wake = (): void => {};

  constructor(port: string, ca: string) {
    this.#child = spawn("openssl", ["s_client", "-quiet", "-CAfile", ca, "-connect", `127.0.0.1:${port}`]);
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#text += chunk;
      this.#wake();
    });
    this.#child.on("close", () => this.#wake());
    this.#child.stdin?.write("GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }

  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#text)) {
      assert.equal(this.#child.exitCode, null, this.#text);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  end(): void {
    this.#child.kill();
  }
}
