/** Holds every answer of the servers of a test file against the description of their API: those of `inject` at once, those over sockets at the end. */
import assert from "node:assert/strict";
import { after } from "node:test";
import type { FastifyInstance } from "fastify";
import { describeApi } from "../../src/server/openapi.ts";
import type { HttpServer } from "../../src/server/server.ts";
import { UsualResponse } from "../../src/server/usual-headers.ts";
import { type Answered, type Api, Described } from "./described.ts";

/** Answers of HTTP itself (docs/HTTP.md), before it is looked at what a request asks. */
const OF_HTTP = new Set([417, 431, 501, 505]);

const faults = new Set<string>();
let described: Described | null = null;

after(() => assert.deepEqual([...faults], [], "answers that the description of the API does not describe"));

/** From now on, of this server. */
export function watchAnswers({ app, routes }: HttpServer): void {
  const others = routes.filter(({ schema }) => schema?.facts === undefined).map(({ url }) => url);
  described = new Described(describeApi(routes, null) as unknown as Api, others);
  const inject = app.inject.bind(app) as (asked: unknown) => ReturnType<FastifyInstance["inject"]>;
  const watching = async (asked: unknown) => {
    const response = await inject(asked);
    const { method = "", url = "" } = response.raw.req;
    const { statusCode: status, headers, body } = response;
    const fault = look({ method, url, status, headers, body });
    assert.equal(fault, null, fault ?? "");
    return response;
  };
  Object.assign(app, { inject: watching });
}

function look(answered: Answered): string | null {
  const fault = described?.fault(answered) ?? null;
  return fault === null ? null : `${answered.method} ${answered.url}: ${fault}`;
}

interface Begun {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly chunks: Buffer[];
}

const begun = new WeakMap<object, Begun>();
const { writeHead, write, end } = UsualResponse.prototype;

type Arguments = readonly never[];

Object.assign(UsualResponse.prototype, {
  writeHead(this: UsualResponse, status: number, ...rest: Arguments): unknown {
    const given = rest.find((each) => typeof each === "object") as object | undefined;
    const pairs = Array.isArray(given)
      ? given.flatMap((name, i) => (i % 2 === 0 ? [[String(name), given[i + 1]]] : []))
      : Object.entries({ ...this.getHeaders(), ...given });
    const headers = Object.fromEntries(pairs.map(([name, value]) => [String(name).toLowerCase(), value]));
    begun.set(this, { status, headers, chunks: [] });
    return Reflect.apply(writeHead, this, [status, ...rest]);
  },
  write(this: UsualResponse, ...args: Arguments): unknown {
    const isFree: unknown = Reflect.apply(write, this, args); // so does this
    collect(this, args[0]);
    return isFree;
  },
  end(this: UsualResponse, ...args: Arguments): unknown {
    const ended: unknown = Reflect.apply(end, this, args); // writes the head of what had none
    collect(this, args[0]);
    const { method = "", url = "" } = this.req;
    const { status, headers, chunks } = begun.get(this) ?? { status: this.statusCode, headers: {}, chunks: [] };
    const fault = look({ method, url, status, headers, body: Buffer.concat(chunks).toString("utf8") });
    if (fault !== null && !OF_HTTP.has(status)) faults.add(fault);
    return ended;
  },
});

function collect(response: UsualResponse, chunk: unknown): void {
  if (typeof chunk === "string" || chunk instanceof Uint8Array) begun.get(response)?.chunks.push(Buffer.from(chunk));
}
