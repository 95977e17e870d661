/** TLS of a port (RFC 8446): what it shows of itself, and what becomes of those who speak plain HTTP to it. */
import { X509Certificate } from "node:crypto";
import type { RequestListener, ServerOptions } from "node:http";
import type { Server } from "node:https";
import { Socket } from "node:net";
import { messageOf, TidemarkError } from "../core/errors.ts";
import type { Connections } from "./connections.ts";
import { HANDSHAKE_MS_MAX } from "./limits.ts";
import { UsualResponse } from "./usual-headers.ts";

/** A certificate with its chain, and its key, as PEM. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

/** Files that go together, and are valid at some time. */
export interface TlsIdentity extends TlsFiles {
  /** When the certificate expires, ms since the epoch. */
  readonly expiresMs: number;
}

/** Version 1.2 is the oldest that is still allowed (RFC 8996); its ciphers are Node's own choice. */
const OPTIONS = { minVersion: "TLSv1.2", ALPNProtocols: ["http/1.1"], handshakeTimeout: HANDSHAKE_MS_MAX } as const;

/** What a handshake begins with (RFC 8446, 5.1): no HTTP does. */
const HANDSHAKE = 0x16;

/**
 * Checks that a certificate can be shown now.
 * @throws TidemarkError "config-invalid", which holds nothing of the key
 */
export function tlsIdentity({ cert, key }: TlsFiles, nowMs: number): TlsIdentity {
  const certificate = certificateOf(cert);
  const [sinceMs, expiresMs] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (nowMs >= expiresMs) throw unusable("one that is still valid", `expired on ${certificate.validTo}`);
  if (nowMs < sinceMs) throw unusable("one that is valid now", `valid from ${certificate.validFrom} on`);
  try {
    process.getBuiltinModule("node:tls").createSecureContext({ cert, key, minVersion: OPTIONS.minVersion });
  } catch (error) {
    throw unusable("the PEM of a certificate and of its own key without a password", messageOf(error));
  }
  return { cert, key, expiresMs };
}

function certificateOf(cert: string): X509Certificate {
  try {
    return new X509Certificate(cert);
  } catch (error) {
    throw unusable("PEM, the server's own certificate first", messageOf(error));
  }
}

function unusable(wanted: string, was: string): TidemarkError {
  return new TidemarkError(
    "config-invalid",
    `Cannot use the certificate of --tls-cert: expected ${wanted}, was ${was}`,
  );
}

/** An HTTP server behind TLS. Its plain connections are told to `connections` when they come, and which they have become when they are secure. */
export function createTlsPort(
  { cert, key }: TlsIdentity,
  options: ServerOptions,
  handler: RequestListener,
  connections: Connections,
): Server {
  const https = process.getBuiltinModule("node:https"); // as core/node-http.ts
  const server = https.createServer({ ...options, ServerResponse: UsualResponse, ...OPTIONS, cert, key }, handler);
  const [handshake] = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (raw: Socket) => {
    connections.add(raw, true);
    raw.once("readable", () => {
      const first: Buffer | null = raw.read(1);
      if (first !== null) raw.unshift(first);
      if (first === null) raw.destroy();
      else if (first[0] === HANDSHAKE) handshake.call(server, raw);
      else connections.refusePlain(raw);
    });
    raw.on("error", () => raw.destroy());
  });
  server.on("secureConnection", (secure) => {
    // Node's own note of what it is wrapped around.
    const raw: unknown = Reflect.get(secure, "_parent");
    if (raw instanceof Socket) connections.secured(raw, secure);
    else secure.destroy();
  });
  return server;
}

/** New connections are shown this one; those that there are go on with what they know. */
export function renewTls(server: Server, { cert, key }: TlsIdentity): void {
  server.setSecureContext({ cert, key, minVersion: OPTIONS.minVersion });
}
