/** The rows of the bench, in the order they run. */
import type { Row } from "../harness/bench.ts";
import { json } from "./json.ts";
import { kafka } from "./kafka.ts";

export const ROWS: readonly Row[] = [kafka, json];
