/** Who is told what was taken in, and of each commit before it. */
import type { Engine } from "../engine/engine.ts";
import type { Series } from "./sensors.ts";

type ChangeListener = Parameters<Engine["onChange"]>[0];
type CommitListener = Parameters<Engine["beforeCommit"]>[0];

/** Tells listeners; what they throw is a failure of the pipeline, unless a commit can be tried again. */
export class Telling {
  /** Sensors that received readings since they were told last. */
  readonly #changed: Set<Series>;
  readonly #fail: (error: unknown) => void;
  readonly #onChange = new Set<ChangeListener>();
  readonly #beforeCommit = new Set<CommitListener>();

  constructor(changed: Set<Series>, fail: (error: unknown) => void) {
    this.#changed = changed;
    this.#fail = fail;
  }

  onChange(listener: ChangeListener): () => void {
    this.#onChange.add(listener);
    return () => this.#onChange.delete(listener);
  }

  beforeCommit(listener: CommitListener): () => void {
    this.#beforeCommit.add(listener);
    return () => this.#beforeCommit.delete(listener);
  }

  /** Calls the listeners with these sensors and all that received readings since the last call. */
  tell(sensors: Iterable<Series>): void {
    for (const sensor of sensors) this.#changed.add(sensor);
    const changes = Array.from(this.#changed, ({ name, news }) => ({ sensor: name, ranges: news.take() }));
    this.#changed.clear();
    try {
      for (const listener of this.#onChange) listener(changes);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Of a commit, once all that will be in it is told. @throws TidemarkError "disk-full" */
  tellCommit(): void {
    if (this.#beforeCommit.size === 0) return;
    this.tell([]);
    for (const listener of this.#beforeCommit) listener();
  }
}
