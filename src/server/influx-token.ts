/** The token of a request as clients of InfluxDB send it, beside `Bearer`. */
import type { IncomingMessage } from "node:http";

/** `Token TOKEN`, or `Token USER:TOKEN` as version 1.8 has it. */
const TOKEN = /^Token +(?:[^:]*:)?(\S+) *$/i;
const BASIC = /^Basic +(\S+) *$/i;

/** The text behind `Token`, the password of `Basic`, or `p` of the query where there is no header; whatever the user is. */
export function influxToken({ headers: { authorization }, url = "" }: IncomingMessage): string | undefined {
  if (authorization === undefined) {
    const query = url.indexOf("?");
    return query < 0 ? undefined : (new URLSearchParams(url.slice(query)).get("p") ?? undefined);
  }
  const token = TOKEN.exec(authorization)?.[1];
  if (token !== undefined) return token;
  const basic = BASIC.exec(authorization)?.[1];
  return basic === undefined ? undefined : /:(.*)$/.exec(Buffer.from(basic, "base64").toString("utf8"))?.[1];
}
