#!/bin/sh
# On a Debian machine with root (as CI has): what the tests of `make test` run beside Node. Each part is skipped when it is there.
set -u
cd "$(dirname -- "$0")/.."
have() { command -v "$1" >/dev/null 2>&1; }
packages=
have java || packages="$packages openjdk-17-jre-headless"
have mvn || packages="$packages maven"
have promtool || packages="$packages prometheus"
have chromium || packages="$packages chromium"
have kcat || packages="$packages kcat"
have python3 || packages="$packages python3"
python3 -c 'import venv, ensurepip' 2>/dev/null || packages="$packages python3-venv"
have cc || packages="$packages gcc libc6-dev"
have nginx || packages="$packages nginx-light"
have curl || packages="$packages curl"
have openssl || packages="$packages openssl"
have mosquitto || packages="$packages mosquitto"
have mosquitto_pub || packages="$packages mosquitto-clients"
have script || packages="$packages bsdutils"
have tmux || packages="$packages tmux"
have zsh || packages="$packages zsh"
have fish || packages="$packages fish"
have docker-compose || docker compose version >/dev/null 2>&1 || packages="$packages docker-compose"
# Telegraf is built once and kept (three minutes); by the Go that is here, else by PyPI's.
telegraf() {
  scripts/node test/influx/telegraf.ts
  exit 0
}
[ -z "$packages" ] && telegraf
if ! have apt-get || [ "$(id -u)" != 0 ]; then
  echo "tidemark: some tests will be skipped without:$packages" >&2
  telegraf
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
# shellcheck disable=SC2086
if ! { apt-get update && apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "tidemark: could not install$packages" >&2
fi
rm -f "$log"
telegraf
