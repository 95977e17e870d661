#!/bin/sh
# Installs what package-lock.json says, when that changed since the last time, and checks that Node 24 came with it. Then compiles what changed.
#   scripts/install.sh        what running needs
#   scripts/install.sh dev    also what tests and checks need: 125 MB more
set -eu
cd "$(dirname -- "$0")/.."
wanted=${1:-run}
stamp=node_modules/.tidemark-package-lock.json
tools=node_modules/.bin/tsc # of the development dependencies
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

has_wanted() { [ "$wanted" = run ] || [ -e "$tools" ]; }

current=no
if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp" && [ -x "$node" ]; then
  current=yes
fi
# What somebody installed by hand (npm ci) is taken as it is: npm writes this file last.
hidden=node_modules/.package-lock.json
if [ ! -f "$stamp" ] && [ -f "$hidden" ] && [ ! "$hidden" -ot package-lock.json ] && [ -x "$node" ]; then
  check_node
  cp package-lock.json "$stamp"
  current=yes
fi
if [ $current = yes ] && has_wanted; then
  compile
  exit 0
fi

if ! command -v npm >/dev/null 2>&1; then
  echo "tidemark: npm is needed to install (it comes with Node.js 20 or later)" >&2
  exit 1
fi
# The tools stay where they are: who has them wants them.
[ -e "$tools" ] && wanted=dev
omit=--omit=dev
[ "$wanted" = dev ] && omit=--include=dev
# What is there stays: a server may run from it.
command="npm ci"
[ $current = yes ] && command="npm install --no-save"
echo "installing ($command) …"
log=$(mktemp)
$command $omit --prefer-offline --no-audit --no-fund --loglevel=error >"$log" 2>&1 || {
  cat "$log" >&2
  rm -f "$log"
  echo "tidemark: $command failed" >&2
  exit 1
}
rm -f "$log"
if ! check_node; then
  # A new enough Node of the machine does as well.
  scripts/node -v >/dev/null 2>&1 || exit 1
fi
cp package-lock.json "$stamp"
compile
