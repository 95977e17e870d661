#!/bin/sh
# Installs what package-lock.json says, when that changed since the last time, and checks that Node 24 came with it. Then compiles what changed.
set -eu
cd "$(dirname -- "$0")/.."
stamp=node_modules/.tidemark-package-lock.json
node=node_modules/.bin/node

check_node() {
  version=$("$node" -v 2>/dev/null) || version=
  case $version in
    v24.* | v2[5-9].* | v[3-9][0-9].*) return 0 ;;
  esac
  cat >&2 <<TEXT
tidemark: node_modules/.bin/node is ${version:-not there}, expected v24 or later.
  It comes with the npm package "node", whose install script npm did not run, as with ignore-scripts=true. Run
    npm rebuild node --ignore-scripts=false
  or install Node 24.6 or later yourself: then it is used, and this is not needed.
TEXT
  return 1
}

# So that also the first start is quick; what is missing is compiled by whoever needs it.
compile() {
  compiled=node_modules/.cache/tidemark/.compiled
  [ -f "$compiled" ] && [ -z "$(find src bin scripts/compile.js package-lock.json -newer "$compiled" -print)" ] && return
  if scripts/node scripts/compile.js; then touch "$compiled"; fi
}

if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp" && [ -x "$node" ]; then
  compile
  exit 0
fi
# What somebody installed by hand (npm ci) is taken as it is: npm writes this file last.
hidden=node_modules/.package-lock.json
if [ ! -f "$stamp" ] && [ -f "$hidden" ] && [ ! "$hidden" -ot package-lock.json ] && [ -x "$node" ]; then
  check_node
  cp package-lock.json "$stamp"
  compile
  exit 0
fi

if ! command -v npm >/dev/null 2>&1; then
  echo "tidemark: npm is needed to install (it comes with Node.js 20 or later)" >&2
  exit 1
fi
echo "installing (npm ci) …"
npm ci --prefer-offline --no-audit --no-fund --loglevel=error >node_modules.log 2>&1 || {
  cat node_modules.log >&2
  rm -f node_modules.log
  echo "tidemark: npm ci failed" >&2
  exit 1
}
rm -f node_modules.log
if ! check_node; then
  # A new enough Node of the machine does as well.
  scripts/node -v >/dev/null 2>&1 || exit 1
fi
cp package-lock.json "$stamp"
compile
