# tidemark: `make run` shows it working, `make stop` ends it, `make test` proves it. GNU make 3.81 or later.
#
#   make run [LOG=kafka://localhost:9092] [PORT=5001] [DATA=/elsewhere] [SENSORS=a,b] [TIMEZONE=Europe/Berlin]
#            [TOPICS='plant-.*']: of a Kafka      [SIMULATE=1|0|a,b]: simulated sensors, if not said only on the local log
#   make stop [DATA=/elsewhere]

DATA ?= ./data
NODE = scripts/node
TIDEMARK = $(NODE) bin/tidemark.js

FLAGS = --data "$(DATA)" \
  $(if $(LOG),--log "$(LOG)") \
  $(if $(PORT),--port "$(PORT)") \
  $(if $(SENSORS),--sensors "$(SENSORS)") \
  $(if $(TOPICS),--topics "$(TOPICS)") \
  $(if $(TIMEZONE),--timezone "$(TIMEZONE)")

# Simulated sensors: on a local log unless SIMULATE=0, on a Kafka only with SIMULATE=1; or those that it names.
SIMULATED = $(if $(SIMULATE),$(if $(filter-out 0 1,$(SIMULATE)),--simulate="$(SIMULATE)",$(if $(filter 1,$(SIMULATE)),--simulate)),--demo)

.DEFAULT_GOAL = usage
.PHONY: usage run stop watch test test-containers check lint install build clean reset

usage:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile; echo "Also: watch, check, lint, install, build, clean, reset. Command line: scripts/tidemark --help"

# exec: no shell stays between make and the table, which reads Ctrl-C as a key and ends with 0.
run:
	@scripts/install.sh
	@exec $(TIDEMARK) start --watch $(FLAGS) $(SIMULATED)

# Nothing is installed to find that nothing runs.
stop:
	@if ls "$(DATA)"/run/*.json >/dev/null 2>&1; then exec scripts/tidemark stop --data "$(DATA)"; else echo "nothing runs on $(DATA)"; fi

watch:
	@scripts/install.sh
	@exec $(TIDEMARK) watch --data "$(DATA)" $(if $(PORT),--port "$(PORT)")

test: install
	@exec $(NODE) test/run.ts all

# The images and the compose files, on a real engine: root on Debian, ports 5000 and 9092 of 127.0.0.1 free.
test-containers:
	@test/containers/run.sh

check: install
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" npm run --silent check

# Style and types: seconds.
lint: install
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" sh -c 'biome check . && npm run --silent types'

# With what tests and checks need; `make run` leaves that out.
install:
	@scripts/install.sh dev

build:
	docker compose build

# Dependencies and log files; never the data. A slow disk takes seconds for so many files: nobody waits for them.
clean:
	@if $(NODE) -v >/dev/null 2>&1; then exec $(NODE) scripts/data.ts clean "$(DATA)"; fi
	@mkdir .removed.$$$$ && { mv node_modules build .cache .removed.$$$$/ 2>/dev/null || true; }
	@(exec rm -rf .removed.*) </dev/null >/dev/null 2>&1 &

# The data. Asks, or needs FORCE=1; refuses while it is in use.
reset:
	@[ ! -d "$(DATA)" ] || $(NODE) -v >/dev/null 2>&1 || scripts/install.sh
	@if [ -d "$(DATA)" ]; then exec $(NODE) scripts/data.ts reset "$(DATA)" "$(FORCE)"; else echo "nothing to reset: there is no $(DATA)"; fi
