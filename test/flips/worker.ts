/**
 * Tries flips on a copy of a directory: its arguments are the subject as JSON, the undamaged directory, and one to work in. Reads lines of JSON, each some
 * flips; writes what became of each, a line each, and a line with the files of the directory first.
 */
import { createInterface } from "node:readline";
import type { Subject } from "./subject.ts";
import { type Flip, type Judged, Trials } from "./trial.ts";

/** What became of a flip; `fault`: what must not have. */
export type Told = { readonly flip: Flip } & (Judged | { readonly fault: string });

const [subject, healthy, work] = process.argv.slice(2);
// Of a pipe that is full this waits.
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);
let stray: unknown = null;
process.on("unhandledRejection", (error) => {
  stray ??= error;
});

const trials = new Trials(JSON.parse(subject) as Subject, healthy, work);
await trials.learn();
say(trials.files());
for await (const line of createInterface({ input: process.stdin })) {
  for (const flip of JSON.parse(line) as Flip[]) {
    stray = null;
    try {
      const judged = await trials.try(flip);
      if (stray !== null) throw stray;
      say({ flip, ...judged } satisfies Told);
    } catch (error) {
      const fault = error instanceof Error ? `${error.message}\n${error.stack ?? ""}` : String(error);
      say({ flip, fault } satisfies Told);
    }
  }
}
process.exit(0);
