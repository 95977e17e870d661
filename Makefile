# tidemark: `make run` shows it working, `make stop` ends it, `make test` proves it. GNU make 3.81 or later.
#
#   make run [PORT=5001] [DATA=/elsewhere] [SENSORS=a,b] [TIMEZONE=Europe/Berlin] [SIMULATE=0]
#   make run LOG=kafka://localhost:9092 [SENSORS=a,b | TOPICS='plant-.*'] [SIMULATE=1]
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
.PHONY: usage run stop watch test check lint install build clean reset

usage:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile; echo "Also: watch, check, lint, install, build, clean, reset. Command line: scripts/tidemark --help"

# exec: no shell stays between make and the table, which reads Ctrl-C as a key and ends with 0.
run: install
	@exec $(TIDEMARK) start --watch $(FLAGS) $(SIMULATED)

stop:
	@if [ -d "$(DATA)" ]; then exec $(TIDEMARK) stop --data "$(DATA)"; else echo "nothing runs on $(DATA)"; fi

watch: install
	@exec $(TIDEMARK) watch --data "$(DATA)" $(if $(PORT),--port "$(PORT)")

test: install
	@exec $(NODE) test/run.ts all

check: install
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" npm run --silent check

# Style and types: seconds.
lint: install
	@PATH="$(CURDIR)/node_modules/.bin:$$PATH" sh -c 'biome check . && tsc --noEmit'

install:
	@scripts/install.sh

build:
	docker compose build

# Dependencies and log files; never the data.
clean:
	@if [ -x node_modules/.bin/node ]; then exec $(NODE) scripts/data.ts clean "$(DATA)"; fi
	rm -rf node_modules build .cache

# The data. Asks, or needs FORCE=1; refuses while it is in use.
reset: install
	@exec $(NODE) scripts/data.ts reset "$(DATA)" "$(FORCE)"
