/** The first line of a record of line protocol: a comment in that language, which says how the lines are read, so that a record means the same for ever. */
import { DEFAULT_NAMING, type LineNaming } from "../../core/line-naming.ts";
import { type NameTemplate, parseTemplate } from "../../core/name-template.ts";

/** What a record of line protocol begins with. */
const HEADER_START = "#influx";

/** The units of times, and what clients call them: ns of each. */
export const PRECISIONS: Readonly<Record<string, number>> = {
  ns: 1,
  n: 1,
  us: 1e3,
  u: 1e3,
  µ: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** A header as it is read. */
export interface LineHeader {
  /** ns of the unit of times. */
  readonly unitNs: number;
  readonly sensor: readonly NameTemplate[];
  readonly device: readonly NameTemplate[];
}

/** The header of records whose times are in that unit; what is as it is by default is left out. */
export function writeHeader(precision: string, naming: LineNaming): string {
  const { sensor, device } = naming;
  const said = {
    ...(PRECISIONS[precision] === 1 ? {} : { precision }),
    ...(isSame(sensor, DEFAULT_NAMING.sensor) ? {} : { sensor }),
    ...(isSame(device, DEFAULT_NAMING.device) ? {} : { device }),
  };
  return Object.keys(said).length === 0 ? `${HEADER_START}\n` : `${HEADER_START} ${JSON.stringify(said)}\n`;
}

/** @param line without its newline @returns null when it is none */
export function readHeader(line: string): LineHeader | null {
  if (!line.startsWith(HEADER_START)) return null;
  const rest = line.slice(HEADER_START.length).trim();
  const said = rest === "" ? {} : objectOf(rest);
  if (said === null) return null;
  const { precision = "ns", sensor = DEFAULT_NAMING.sensor, device = DEFAULT_NAMING.device } = said;
  const unitNs = typeof precision === "string" && Object.hasOwn(PRECISIONS, precision) ? PRECISIONS[precision] : 0;
  const sensors = templatesOf(sensor);
  const devices = templatesOf(device);
  return unitNs === 0 || sensors === null || devices === null ? null : { unitNs, sensor: sensors, device: devices };
}

function objectOf(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(json);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : null;
  } catch {
    return null;
  }
}

function templatesOf(list: unknown): NameTemplate[] | null {
  if (!Array.isArray(list)) return null;
  const templates: NameTemplate[] = [];
  for (const source of list) {
    const template = typeof source === "string" ? parseTemplate(source) : null;
    if (template === null) return null;
    templates.push(template);
  }
  return templates;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}
