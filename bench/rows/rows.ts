/** The rows of the bench, in the order they run: those that need the broker first, one after the other. */
import type { Row } from "../harness/bench.ts";
import { devices } from "./devices.ts";
import { disk } from "./disk.ts";
import { growth } from "./growth.ts";
import { http } from "./http.ts";
import { influx } from "./influx.ts";
import { json } from "./json.ts";
import { kafka } from "./kafka.ts";
import { live } from "./live.ts";
import { log } from "./log.ts";
import { machine } from "./machine.ts";
import { memory } from "./memory.ts";
import { mqtt } from "./mqtt.ts";
import { older } from "./older.ts";
import { percentiles } from "./percentiles.ts";
import { series } from "./series.ts";
import { stages } from "./stages.ts";
import { start } from "./start.ts";
import { window } from "./window.ts";

export const ROWS: readonly Row[] = [
  kafka,
  json,
  older,
  log,
  influx,
  mqtt,
  window,
  percentiles,
  series,
  http,
  live,
  start,
  memory,
  disk,
  devices,
  growth,
  stages,
  machine,
];
