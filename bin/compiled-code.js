/** Where compiled code is kept between starts. Plain JavaScript, as nothing may be stripped of its types before the cache is open: that alone takes 20 MB and 60 ms. */
import { constants, enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

/** Beside the dependencies, where only who installed them writes; `scripts/compile.js` fills it. */
const DIRECTORY = fileURLToPath(new URL("../node_modules/.cache/tidemark", import.meta.url));

export function openCompiledCode() {
  // Not writable, as when root has installed it: then the system's directory for temporary files.
  if (enableCompileCache(DIRECTORY).status === constants.compileCacheStatus.FAILED) enableCompileCache();
}
