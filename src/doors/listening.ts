/** Where a door listens: addresses → open ports, or one clear line why not. */
import type { AddressInfo, Server } from "node:net";
import { platform } from "node:process";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { LOOPBACKS } from "../core/loopback.ts";

/** Ports tried when any will do, but the second address does not have the first one's free. */
const FREE_PORT_TRIES = 8;

/** Addresses that this machine does not have. */
const MISSING = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EPROTONOSUPPORT"]);

/** Addresses and port to listen on. */
export interface ListenAddress {
  /** Addresses or names; undefined: both loopbacks, or the one there is. */
  readonly hosts?: readonly string[] | undefined;
  /** 0: any that is free, the same on all addresses. */
  readonly port: number;
}

/** Names of addresses as they are listened on: without repetition, `localhost` as both loopbacks. */
export function addressesOf({ hosts }: ListenAddress): string[] {
  return [...new Set((hosts ?? LOOPBACKS).flatMap((host) => (host === "localhost" ? [...LOOPBACKS] : [host])))];
}

/** Servers that listen, and where. */
export interface Listening<S extends Server> {
  readonly servers: S[];
  readonly addresses: readonly AddressInfo[];
}

/**
 * Listens on all the addresses or, when one cannot be had, on none.
 * @param option that sets the port @param create makes a server, which listens nowhere yet
 * @throws TidemarkError "port-in-use" | "address-unusable"
 */
export async function listenOnAll<S extends Server>(
  address: ListenAddress,
  option: string,
  create: () => S,
): Promise<Listening<S>> {
  const { port } = address;
  const hosts = addressesOf(address);
  for (let tries = 1; ; tries++) {
    const servers: S[] = [];
    try {
      return { servers, addresses: await openAll(hosts, port, create, servers) };
    } catch (error) {
      await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
      if (port !== 0 || codeOf(error) !== "EADDRINUSE" || tries === FREE_PORT_TRIES) throw named(error, port, option);
    }
  }
}

async function openAll<S extends Server>(
  hosts: readonly string[],
  port: number,
  create: () => S,
  servers: S[],
): Promise<AddressInfo[]> {
  const addresses: AddressInfo[] = [];
  for (const host of hosts) {
    const server = create();
    try {
      addresses.push(await listen(server, host, addresses[0]?.port ?? port));
      servers.push(server);
    } catch (error) {
      // A machine without IPv6 (or, rarely, IPv4) has one loopback only: that is enough for "this machine".
      const other = LOOPBACKS.find((loopback) => loopback !== host);
      const spare = LOOPBACKS.some((loopback) => loopback === host) && hosts.some((name) => name === other);
      const last = host === hosts[hosts.length - 1] && addresses.length === 0;
      if (!spare || last || !MISSING.has(codeOf(error))) throw new ListenError(host, error);
    }
  }
  return addresses;
}

class ListenError extends Error {
  readonly host: string;
  override readonly cause: unknown;

  constructor(host: string, cause: unknown) {
    super(messageOf(cause));
    this.host = host;
    this.cause = cause;
  }
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("BUG: a port has no address"));
      else resolve(address);
    });
  });
}

function codeOf(error: unknown): string {
  const source = error instanceof ListenError ? error.cause : error;
  return source instanceof Error && "code" in source && typeof source.code === "string" ? source.code : "";
}

function named(error: unknown, port: number, option: string): unknown {
  if (!(error instanceof ListenError)) return error;
  const place = `${error.host.includes(":") ? `[${error.host}]` : error.host}:${port}`;
  if (codeOf(error) === "EADDRINUSE") {
    return new TidemarkError("port-in-use", portInUseText(place, port, platform, option), error.cause);
  }
  const text = `Cannot listen on ${place}: expected an address of this machine and a port it may use, ${error.message}`;
  return new TidemarkError("address-unusable", text, error.cause);
}

/** macOS's AirPlay Receiver holds port 5000 on every Mac unless it is turned off. */
export function portInUseText(place: string, port: number, system: string, option = "--port"): string {
  const text = `Cannot listen on ${place}: another process uses the port; expected a free one (${option})`;
  if (system !== "darwin" || port !== 5000) return text;
  return `${text}. On macOS it usually is AirPlay Receiver: turn it off in System Settings, General, AirDrop & Handoff`;
}
