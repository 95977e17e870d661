/** Certificates of an authority of our own, made by openssl. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The `skip` of a test that needs certificates. */
export function skipWithoutOpenssl(): string | false {
  return spawnSync("openssl", ["version"]).status === 0 ? false : "no openssl: install openssl";
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority, and what it signs; paths of PEM files in a directory of its own. */
export class Authority {
  readonly directory = mkdtempSync(join(tmpdir(), "tidemark-tls-"));
  readonly ca = join(this.directory, "ca.pem");
  readonly #key = join(this.directory, "ca.key");
  #made = 0;

  constructor() {
    const subject = ["-subj", "/CN=tidemark test authority", "-days", "3"];
    openssl("req", "-x509", ...NEW_KEY, "-keyout", this.#key, "-out", this.ca, ...subject);
  }

  /** @param names as `DNS:localhost,IP:127.0.0.1` @param days of its validity, negative: it ended before it began */
  sign(names: string, days = 2): Certificate {
    const path = join(this.directory, `${++this.#made}`);
    const [cert, key, request] = [`${path}.pem`, `${path}.key`, `${path}.csr`];
    openssl(
      "req",
      "-new",
      ...NEW_KEY,
      "-keyout",
      key,
      "-out",
      request,
      "-subj",
      "/CN=tidemark",
      "-addext",
      `subjectAltName=${names}`,
    );
    const signing = ["-CA", this.ca, "-CAkey", this.#key, "-days", String(days), "-copy_extensions", "copy"];
    openssl("x509", "-req", "-in", request, "-out", cert, ...signing);
    return { cert, key };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true });
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}
