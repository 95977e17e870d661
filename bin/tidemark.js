#!/usr/bin/env node
/** The command `tidemark`: refuses a Node that is too old, in words that every Node understands, before anything of a newer one is loaded. */
var node = process.versions.node.split(".").map(Number);

// As package.json of the package says; a checkout has a Node of its own (scripts/node).
if (node[0] >= 24 || (node[0] === 22 && node[1] >= 22)) import("./start.js");
else {
  process.stderr.write(
    "tidemark: Node.js 22.22 or later (or 24 or later) is needed, this is " +
      process.version +
      ": https://nodejs.org has newer ones\n",
  );
  process.exit(1);
}
