/** Servers on this machine that are known by the file of their certificate, whatever names that is for. */
import type { ConnectionOptions } from "node:tls";

const certificates = new Map<string, string>();

/** From now on this certificate, and no other, is the server's. @param pem with its chain */
export function trustServer(origin: string, pem: string): void {
  if (pem !== "") certificates.set(origin, pem);
}

/** What a connection to this address takes for the right server; nothing where the usual authorities say it. */
export function trustOf({ origin }: URL): ConnectionOptions {
  const ca = certificates.get(origin);
  // A certificate of an authority that is not ours is the end of its chain for us.
  return ca === undefined ? {} : { ca, allowPartialTrustChain: true, checkServerIdentity: () => undefined };
}
