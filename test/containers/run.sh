#!/bin/bash
# docker-compose.yml for real: built, started, asked, restarted, killed, taken down and up again. Root on Debian; starts an engine unless one answers.
#   test/containers/run.sh        KEEP=1 leaves what it started        PORT 5000 and 9092 of 127.0.0.1 must be free
set -euo pipefail
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "skipped: containers (root on Debian starts an engine of its own)"; exit 0; }
cd "$(dirname "$0")/../.."
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/tidemark
export COMPOSE_PROJECT_NAME=tidemark-test
passed=0
started=
say() { printf '%6.1f s  %s\n' "$(($(date +%s%N) / 1000000 - T0))e-3" "$*"; }
T0=$(($(date +%s%N) / 1000000))
pass() { passed=$((passed + 1)); say "ok: $*"; }
fail() { echo "FAILED: $*" >&2; compose ps >&2 || true; compose logs --tail=30 >&2 || true; echo "$passed passed, 1 failed"; exit 1; }

packages=
for pair in dockerd:docker.io docker:docker.io mmdebstrap:mmdebstrap kcat:kcat mvn:maven curl:curl; do
  command -v "${pair%%:*}" >/dev/null || packages="$packages ${pair#*:}"
done
docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || packages="$packages docker-compose"
# shellcheck disable=SC2086
[ -z "$packages" ] || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages; } >/dev/null
compose() { if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi; }

if ! docker info >/dev/null 2>&1; then
  run=$(mktemp -d)
  mkdir -p "$CACHE/docker"
  export DOCKER_HOST=unix://$run/docker.sock
  dockerd --data-root "$CACHE/docker" --exec-root "$run/exec" --pidfile "$run/pid" -H "$DOCKER_HOST" >"$run/log" 2>&1 &
  started=$!
  for _ in $(seq 100); do docker info >/dev/null 2>&1 && break; sleep 0.3; done
  docker info >/dev/null 2>&1 || { tail -n 20 "$run/log" >&2; exit 1; }
  say "engine started"
fi
finish() {
  [ -n "${KEEP:-}" ] && return
  compose down -v >/dev/null 2>&1 || true
  if [ -n "$started" ]; then kill "$started"; wait "$started" || true; rm -rf "$run"; fi
}
trap finish EXIT

test/containers/images.sh
say "base images are there"

id_of() { compose ps -aq "$1"; }
state() { docker inspect "$(id_of "$1")" --format "$2"; }
ask() { curl -s -m 5 -X POST '127.0.0.1:5000/compute/metrics?receipt=true' -d "{\"$1\":[\"count\"]}"; }
count() { ask "$1" | sed -n "s/.*\"result\":{\"$1\":{\"count\":\([0-9]*\)}}.*/\1/p"; }
# Until a command says so, at most SECONDS: generous, as the engine waits longer before each restart, and machines are busy.
within() { local end=$(($(date +%s) + $1)); shift; until "$@"; do [ "$(date +%s)" -lt "$end" ] || return 1; sleep 0.3; done; }
at_least() { local n; n=$(count "$1"); [ "${n:-0}" -ge "$2" ]; }
exactly() { [ "$(count "$1")" = "$2" ]; }
# Readings that the log holds, each once: what the server must come to.
in_log() { kcat -C -b localhost:9092 -t "$1" -o beginning -e -q | sed 's/,"value".*//' | sort -u | wc -l; }
healthy() { [ "$(state "$1" '{{.State.Health.Status}}')" = healthy ]; }

compose down -v >/dev/null 2>&1 || true
compose up -d --build >"${TMPDIR:-/tmp}/tidemark-compose.log" 2>&1 || { tail -n 30 "${TMPDIR:-/tmp}/tidemark-compose.log" >&2; fail "up --build"; }
pass "up --build"
within 180 healthy tidemark || fail "tidemark is not healthy"
pass "healthy"
for sensor in temperature humidity pressure; do within 180 at_least "$sensor" 3 || fail "no readings of $sensor"; done
pass "three sensors are counted"
[ "$(docker exec "$(id_of tidemark)" id -u)" = 1000 ] || fail "runs as another user"
pass "runs as node"

before=$(count temperature)
compose restart kafka >/dev/null 2>&1
within 180 at_least temperature $((before + 3)) || fail "nothing is counted after Kafka's restart"
pass "Kafka restarted"
kill -9 "$(state tidemark '{{.State.Pid}}')"
within 180 at_least temperature $((before + 6)) || fail "nothing is counted after the kill"
pass "killed, started again by the engine"
echo '{"device":"simulator-host","boot":"1","sequence":0,"value":1}' | kcat -P -b localhost:9092 -t temperature
compose stop temperature humidity pressure >/dev/null 2>&1
for sensor in temperature humidity pressure; do within 20 exactly "$sensor" "$(in_log "$sensor")" || fail "$sensor: $(count "$sensor"), in the log $(in_log "$sensor")"; done
pass "each reading once, kcat's from this machine too"
before=$(count temperature)
compose stop tidemark >/dev/null 2>&1
[ "$(state tidemark '{{.State.ExitCode}}')" = 0 ] || fail "SIGTERM ended it with $(state tidemark '{{.State.ExitCode}}')"
pass "stops by itself"
compose down >/dev/null 2>&1 || fail "down"
compose up -d >/dev/null 2>&1 || fail "up again"
within 180 at_least temperature $((before + 1)) || fail "down and up: $(count temperature) after $before"
pass "down and up, the data kept"
compose down -v >/dev/null 2>&1
[ -z "$(docker volume ls -q --filter name=$COMPOSE_PROJECT_NAME)" ] || fail "down -v left volumes"
pass "down -v"

said=$(docker run --rm tidemark 2>&1) && fail "listened on 0.0.0.0 without a token"
case $said in *"expected --token"*) pass "alone it asks for a token" ;; *) fail "$said" ;; esac
id=$(docker run -d --rm --read-only -m 256m -e TIDEMARK_TOKEN=0123456789abcdef -p 127.0.0.1:5000:5000 tidemark)
taken() { curl -s -m 2 -H 'Authorization: Bearer 0123456789abcdef' --data 21.5 127.0.0.1:5000/readings/temperature | grep -q '"appended":1'; }
within 20 taken || { docker stop "$id" >/dev/null; fail "alone with a token it takes no reading"; }
docker stop "$id" >/dev/null
pass "alone with a token, read-only, 256 MB"
docker volume prune -f >/dev/null # what the images' VOLUMEs left
echo "$passed passed, 0 failed"
