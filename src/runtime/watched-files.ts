/** Files that are replaced while a server runs: secrets of Docker and Kubernetes, certificates of certbot. */
import { unwatchFile, watchFile } from "node:fs";

/** How often each is looked at, ms: they change every few weeks. Links are followed to other files, which notifications of the system do not tell. */
const LOOK_MS = 2000;

/** Calls when one of them is another file, or has another content. @returns ends it */
export function watchFiles(paths: readonly string[], onChange: () => void): () => void {
  const all = [...new Set(paths)];
  const listener = () => onChange();
  for (const path of all) watchFile(path, { interval: LOOK_MS, persistent: false }, listener);
  return () => {
    for (const path of all) unwatchFile(path, listener);
  };
}
