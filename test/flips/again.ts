/** Tries one flip in this process. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeSubjects, type Subject } from "./subject.ts";
import { type Flip, type Judged, Trials } from "./trial.ts";

/** @param path a file of test/flips/kept @throws Error of the fault */
export async function tryKept(path: string): Promise<Judged> {
  const { subject, flip } = JSON.parse(readFileSync(path, "utf8")) as { subject: Subject; flip: Flip };
  const root = mkdtempSync(join(tmpdir(), "tidemark-flip-"));
  try {
    await makeSubjects(subject, root);
    mkdirSync(join(root, "work"));
    const trials = new Trials(subject, join(root, subject.ending), join(root, "work"));
    await trials.learn();
    return await trials.try(flip);
  } finally {
    rmSync(root, { recursive: true });
  }
}
