/** One flip of one bit in a copy of a directory: what is asked of it then, and whether each answer is right, or said to be wrong. */
import {
  closeSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { runningServer } from "../../src/commands/run-files.ts";
import { TidemarkError } from "../../src/core/errors.ts";
import { Seeded } from "../oracle/seeded.ts";
import { type Answers, answersOf, differing } from "./answers.ts";
import { leftOf } from "./left.ts";
import {
  kafkaOf,
  noteRunning,
  type Opened,
  openSubject,
  RUNNING,
  type Sent,
  type Subject,
  send,
  sentTo,
  takenIn,
} from "./subject.ts";

/** A bit of a byte of a file. */
export interface Flip {
  readonly file: string;
  readonly at: number;
  readonly bit: number;
}

/**
 * - `right`: every answer is that of the undamaged directory, and nothing is said.
 * - `repaired`: so it is, and a notice says what was damaged.
 * - `lost`: answers lack readings, and a notice names their sensor and how many records are lost.
 * - `refused`: it does not open, by an error that names what is damaged.
 */
export const OUTCOMES = ["right", "repaired", "lost", "refused"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What became of a flip, and the sentence that names it, without its numbers. */
export interface Judged {
  readonly outcome: Outcome;
  readonly said: string;
}

/** Errors that say that something is damaged. */
const REFUSALS: ReadonlySet<string> = new Set([
  "history-corrupt",
  "log-corrupt",
  "data-dir-unusable",
  "log-sync-failed",
]);

/** Of a small directory all is sent again; of a large one a few records. */
const SENT_AGAIN = { small: Number.POSITIVE_INFINITY, large: 6 };
/** One in so many is opened and asked in any case; of the others those of which something else is left (`leftOf`) than of all before. */
const ASKED = 200;

/** Sensors and lists that answer otherwise than they should. */
type Lacking = readonly { readonly name: string; readonly text: string }[];

/** Tries flips on one directory, one after the other; made once a process. */
export class Trials {
  readonly #subject: Subject;
  readonly #healthy: string;
  readonly #work: string;
  readonly #sent: Sent;
  readonly #random: Seeded;
  /** What became of flips of which the same was left. */
  readonly #known = new Map<string, Judged>();
  #flipped: { readonly flip: Flip; readonly state: string } | null = null;
  /** Of the undamaged directory, and the directories that these are in. */
  readonly #files: readonly string[];
  readonly #directories: ReadonlySet<string>;
  readonly #wanted: ReadonlySet<string>;
  /** Of each file as it was copied last. */
  readonly #copied = new Map<string, string>();
  #truth: Answers = new Map();
  #truthAgain: Answers = new Map();

  /** @param healthy the undamaged directory: it is only read @param work where the copy is */
  constructor(subject: Subject, healthy: string, work: string) {
    this.#subject = subject;
    this.#healthy = join(work, "healthy");
    this.#work = join(work, "damaged");
    this.#sent = sentTo(subject);
    this.#random = new Seeded(subject.seed);
    cpSync(healthy, this.#healthy, { recursive: true });
    noteRunning(this.#healthy);
    this.#files = filesOf(this.#healthy);
    this.#directories = new Set(["", ...this.#files.map((file) => dirname(file)).filter((name) => name !== ".")]);
    this.#wanted = new Set([...this.#files, ...this.#directories]);
    for (const directory of this.#directories) mkdirSync(join(this.#work, directory), { recursive: true });
  }

  /** Every file of the directory, and its bytes. */
  files(): { readonly file: string; readonly bytes: number }[] {
    return filesOf(this.#healthy).map((file) => ({ file, bytes: statSync(join(this.#healthy, file)).size }));
  }

  /** Learns what is right. @throws Error when that is not the same twice, or another when the history is made anew of all that was sent */
  async learn(): Promise<void> {
    this.#restore();
    const ask = async (): Promise<readonly [Answers, Answers]> => {
      const notices: string[] = [];
      const opened = await this.#open(notices);
      const [first, again] = await this.#ask(opened);
      await opened.core.close();
      if (notices.length > 0) throw new Error(`the undamaged directory has a notice: ${notices.join("; ")}`);
      this.#restore();
      return [first, again];
    };
    [this.#truth, this.#truthAgain] = await ask();
    const [lacking] = this.#lacking(await ask());
    if (lacking !== undefined) throw new Error(`the undamaged directory answers in two ways: ${lacking.text}`);
    if (this.#sent.isTrimmed) return;
    rmSync(join(this.#work, "history.db"));
    const { said } = await this.#judge();
    this.#restore();
    if (!said.includes("made anew")) throw new Error(`without its history it says: ${said}`);
  }

  /** @throws Error that says what is wrong: an answer in silence, an error that is none of ours, a hang */
  async try(flip: Flip): Promise<Judged> {
    try {
      const seen = this.#random.int(1, ASKED) === 1 ? null : this.#damaged(flip, () => leftOf(this.#work, flip.file));
      const known = seen === null ? undefined : this.#known.get(seen);
      if (known !== undefined) return known;
      const judged = await this.#damaged(flip, () => this.#judge());
      if (seen !== null) this.#known.set(seen, judged);
      return judged;
    } finally {
      this.#restore();
    }
  }

  /** What the work comes to on the damaged copy. */
  #damaged<T>(flip: Flip, work: () => T): T {
    this.#restore();
    const path = join(this.#work, flip.file);
    this.#flip(path, flip);
    this.#flipped = { flip, state: stateOf(path) };
    return work();
  }

  /** @returns what the file is then, to be told from what it becomes */
  #flip(path: string, { at, bit }: Flip): string {
    const file = openSync(path, "r+");
    const byte = new Uint8Array(1);
    readSync(file, byte, 0, 1, at);
    byte[0] ^= 1 << bit;
    writeSync(file, byte, 0, 1, at);
    closeSync(file);
    return stateOf(path);
  }

  /** Puts back what differs from the healthy directory. */
  #restore(): void {
    const { flip, state } = this.#flipped ?? {};
    this.#flipped = null;
    if (flip !== undefined && stateOf(join(this.#work, flip.file)) === state) {
      this.#flip(join(this.#work, flip.file), flip);
      this.#copied.set(flip.file, stateOf(join(this.#work, flip.file)));
    }
    for (const directory of this.#directories) {
      for (const name of readdirSync(join(this.#work, directory))) {
        const file = join(directory, name);
        if (!this.#wanted.has(file)) rmSync(join(this.#work, file), { recursive: true });
      }
    }
    for (const file of this.#files) {
      const path = join(this.#work, file);
      if (this.#copied.get(file) === stateOf(path)) continue;
      copyFileSync(join(this.#healthy, file), path);
      this.#copied.set(file, stateOf(path));
    }
  }

  async #open(notices: string[], kafka = kafkaOf(this.#subject, this.#sent)): Promise<Opened> {
    const opened = await openSubject(this.#subject, this.#work, kafka, (text, kind) => {
      if (kind !== "following") notices.push(text);
    });
    await takenIn(opened.core);
    return opened;
  }

  /** All answers, and once more when all was sent again. */
  async #ask(opened: Opened): Promise<[Answers, Answers]> {
    const first = answersOf(opened.core, this.#subject);
    const { batches } = this.#sent;
    for (const batch of batches.slice(-SENT_AGAIN[this.#subject.size])) await send(opened, batch);
    return [first, answersOf(opened.core, this.#subject)];
  }

  async #judge(): Promise<Judged> {
    const notices: string[] = [];
    const kafka = kafkaOf(this.#subject, this.#sent);
    let opened: Opened;
    try {
      requireSameServer(this.#work);
      opened = await this.#open(notices, kafka);
    } catch (error) {
      return refused(error);
    }
    let lacking: Lacking;
    let last: Answers;
    try {
      const answers = await this.#ask(opened);
      last = answers[1];
      lacking = this.#lacking(answers);
    } catch (error) {
      await opened.core.close().catch(() => {});
      return refused(error);
    }
    await opened.core.close();
    const silent = lacking.find(({ name }) => !notices.some((text) => isNamed(text, name)));
    if (silent !== undefined) throw new Error(`answered in silence: ${silent.text}; notices: ${notices.join("; ")}`);
    await this.#again(last, kafka);
    return { outcome: lacking.length > 0 ? "lost" : notices.length > 0 ? "repaired" : "right", said: saidOf(notices) };
  }

  /** What was done is done for good: nothing is said, and the same answered, when it is opened once more. What is lost is said each time. */
  async #again(last: Answers, kafka: Opened["kafka"]): Promise<void> {
    const notices: string[] = [];
    const { core } = await this.#open(notices, kafka);
    const others = differing(last, answersOf(core, this.#subject));
    await core.close();
    const news = notices.filter((text) => !isLoss(text));
    if (others.length > 0) throw new Error(`opened again it answers otherwise: ${others.join()}`);
    if (news.length > 0) throw new Error(`opened again it says: ${news.join("; ")}`);
  }

  #lacking([first, again]: readonly [Answers, Answers]): Lacking {
    const names = new Set([...differing(this.#truth, first), ...differing(this.#truthAgain, again)]);
    return Array.from(names, (name) => ({ name, text: this.#text(name, first, again) }));
  }

  #text(name: string, first: Answers, again: Answers): string {
    for (const [right, is] of [
      [this.#truth, first],
      [this.#truthAgain, again],
    ] as const) {
      const [a, b] = [right.get(name) ?? "nothing", is.get(name) ?? "nothing"];
      if (a === b) continue;
      let at = 0;
      while (a[at] === b[at]) at++;
      return `${name}: ${b.slice(Math.max(0, at - 60), at + 60)} in place of ${a.slice(Math.max(0, at - 60), at + 60)}`;
    }
    return name;
  }
}

function isLoss(notice: string): boolean {
  return /\d+ acknowledged records? (is|are) lost/.test(notice);
}

/** Whether it says that this sensor, or the list of it, lacks records. */
function isNamed(notice: string, name: string): boolean {
  return notice.includes(`"${name.split(" ").at(-1)}"`) && isLoss(notice);
}

/** @throws what does not name what is damaged */
function refused(error: unknown): Judged {
  if (!(error instanceof TidemarkError) || !REFUSALS.has(error.code)) throw error;
  return { outcome: "refused", said: `${error.code}: ${saidOf([error.message])}` };
}

/** @throws TidemarkError that names the record, Error when it is another than was written */
function requireSameServer(directory: string): void {
  const found = runningServer(directory);
  if (JSON.stringify(found) !== JSON.stringify(RUNNING))
    throw new Error(`another server runs: ${JSON.stringify(found)}`);
}

/** Sentences without what differs from flip to flip. */
function saidOf(notices: readonly string[]): string {
  return notices
    .map((text) =>
      text
        .replace(/\/\S+\//g, "")
        .replace(/\d+/g, "N")
        .replace(/N(, N)+/g, "N"),
    )
    .sort()
    .join("; ");
}

/** Enough to tell that a file was changed or replaced. */
function stateOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "" : `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
}

function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(directory.length + 1))
    .sort();
}
