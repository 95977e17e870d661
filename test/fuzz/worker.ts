/** Runs a target in a thread of its own: what hangs is seen from outside, and what takes too much memory ends only the thread. */
import { parentPort, workerData } from "node:worker_threads";
import { Seeded } from "../oracle/seeded.ts";
import { Coverage } from "./coverage.ts";
import { mutated } from "./mutate.ts";
import { TARGETS, type Target } from "./targets.ts";

/** Inputs between two looks at what they ran. */
const BATCH = 128;
/** Inputs that found something are kept, as many at most. */
const KEPT_MAX = 2000;

export interface WorkerSettings {
  readonly target: string;
  readonly seed: number;
  readonly inputs: number;
  readonly endMs: number;
  /** Run before anything else, once each. */
  readonly corpus: readonly Uint8Array[];
  /** Int32: [0] the length of the input that is running, -1: none; [1] counts the inputs. */
  readonly state: SharedArrayBuffer;
  /** The input that is running. */
  readonly input: SharedArrayBuffer;
}

export type WorkerMessage =
  | { readonly kind: "failed"; readonly error: string }
  | { readonly kind: "done"; readonly inputs: number; readonly kept: number; readonly coveredBytes: number };

class Run {
  readonly #settings: WorkerSettings;
  readonly #target: Target;
  readonly #state: Int32Array;
  readonly #shown: Uint8Array;
  readonly #coverage = new Coverage();
  readonly #random: Seeded;
  readonly #kept: Uint8Array[];
  #inputs = 0;

  constructor(settings: WorkerSettings, target: Target) {
    this.#settings = settings;
    this.#target = target;
    this.#state = new Int32Array(settings.state);
    this.#shown = new Uint8Array(settings.input);
    this.#random = new Seeded(settings.seed);
    this.#kept = [...target.seeds()];
  }

  async all(): Promise<WorkerMessage> {
    const { corpus, inputs, endMs } = this.#settings;
    for (const input of [...corpus, ...this.#kept]) await this.#one(input);
    this.#coverage.take();
    while (this.#inputs < inputs && Date.now() < endMs) {
      const batch: Uint8Array[] = [];
      for (let i = 0; i < BATCH; i++) {
        batch.push(mutated(this.#random.pick(this.#kept), this.#random, this.#kept, this.#target.words ?? []));
      }
      for (const input of batch) await this.#one(input);
      if (this.#coverage.take() > 0 && this.#kept.length < KEPT_MAX) this.#keep(batch);
    }
    return { kind: "done", inputs: this.#inputs, kept: this.#kept.length, coveredBytes: this.#coverage.bytes };
  }

  /** One of them found something: which does not matter much, so a few are kept by chance, and the rest is left. */
  #keep(batch: readonly Uint8Array[]): void {
    for (let i = 0; i < 8; i++) this.#kept.push(this.#random.pick(batch));
  }

  async #one(input: Uint8Array): Promise<void> {
    this.#shown.set(input.subarray(0, this.#shown.length));
    Atomics.store(this.#state, 0, input.length);
    Atomics.add(this.#state, 1, 1);
    this.#inputs++;
    try {
      const running = this.#target.run(input);
      if (running !== undefined) await running;
    } catch (error) {
      if (!this.#target.mayThrow(error)) throw error;
    }
    Atomics.store(this.#state, 0, -1);
  }
}

const settings = workerData as WorkerSettings;
const target = TARGETS.find(({ name }) => name === settings.target);
if (target === undefined) throw new Error(`there is no target ${settings.target}`);
await target.open?.();
const message: WorkerMessage = await new Run(settings, target).all().catch((error: unknown) => {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { kind: "failed", error: text } as const;
});
parentPort?.postMessage(message);
await target.close?.();
