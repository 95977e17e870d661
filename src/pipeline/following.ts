/** Decides which topics are read and which sensors may appear, and starts to read those that do. */
import { TidemarkError } from "../core/errors.ts";
import { sensorNameFault } from "../core/sensor-name.ts";
import { namesShown } from "../engine/directory.ts";
import type { Log, LogReader, Position, Topic, Wanted } from "../log/log.ts";
import type { SerialQueue } from "./serial-queue.ts";
import type { State } from "./state.ts";

/** Names in a notice. */
const NAMES_SHOWN = 5;

/** What is to be followed. */
export interface FollowRule {
  /** A closed list; null: every topic of the log whose name passes, also when it is made later. */
  readonly sensors: readonly string[] | null;
  readonly passes: (name: string) => boolean;
  /** Whether a missing topic may be made: that of a sensor in the list at once, another with its first reading. */
  readonly mayCreate: boolean;
}

/** Each sensor: *unknown* → *known* (in the directory) → *followed* ⇄ *not followed* (its topic is gone, or was never there). */
export class Following {
  readonly #log: Log;
  readonly #rule: FollowRule;
  readonly #state: State;
  readonly #queue: SerialQueue;
  readonly #wanted: Wanted;
  /** The reader that follows the log; null while there is none. */
  #reader: LogReader | null = null;
  /** Whether the log has been asked for its topics. */
  #isKnown = false;
  /** The log's topics when it was asked and had none of those in the list. */
  #instead: readonly string[] = [];

  constructor(log: Log, rule: FollowRule, state: State, queue: SerialQueue) {
    this.#log = log;
    this.#rule = rule;
    this.#state = state;
    this.#queue = queue;
    this.#wanted = rule.sensors ?? ((name) => this.#passes(name));
    state.sensors.mayAppear = rule.sensors === null;
    for (const name of rule.sensors ?? []) state.sensors.open(name);
    state.sensors.openStored();
  }

  #passes(name: string): boolean {
    return this.#rule.passes(name) && sensorNameFault(name) === null;
  }

  /** Finds the topics to read, and creates missing ones where allowed. @throws TidemarkError "log-unreachable" | "log-refused" | "disk-full" */
  async find(): Promise<readonly Topic[]> {
    const topics = await this.#findTopics();
    // They are opened once what runs has ended.
    for (const topic of topics) this.#state.sources.appeared(topic);
    return topics;
  }

  async #findTopics(): Promise<readonly Topic[]> {
    const { sensors, mayCreate } = this.#rule;
    if (sensors !== null && mayCreate) return this.#log.create(sensors);
    const names = sensors ?? (await this.#log.topics()).filter((name) => this.#passes(name));
    const { topics } = await this.#log.open(names);
    this.#instead = sensors !== null && topics.length === 0 ? await this.#log.topics() : [];
    return topics;
  }

  /** Reads these topics from where each was read to, and those that appear. Only in the serial queue. @returns the reader, and what ends both */
  start(topics: readonly Topic[], onFailure: (error: unknown) => void): { reader: LogReader; stop(): Promise<void> } {
    const { sources, sensors, ledger } = this.#state;
    const found = new Set(topics.map(({ name }) => name));
    for (const source of sources.list()) {
      if (found.has(source.topic)) continue;
      sources.close(source);
      for (const series of [source.own, ...source.others]) sensors.follow(series, sources.isFed(series));
    }
    const reader = this.#log.reader(topics.flatMap((topic) => this.#open(topic)));
    // A sensor that never had a topic of its own is fed by records that name it: until one does again, by nothing that is known.
    if (this.#rule.sensors === null && topics.length > 0) {
      for (const series of sensors.list())
        if (!sources.hadTopic(ledger.rootOf(series.name))) sensors.follow(series, true);
    }
    this.#reader = reader;
    this.#isKnown = true;
    const stopWatching = this.#log.watch(this.#wanted, (appeared) => {
      for (const topic of appeared) sources.appeared(topic);
      this.#queue.run(async () => this.#add(reader, appeared)).catch(onFailure);
    });
    const stop = async (): Promise<void> => {
      stopWatching();
      this.#reader = null;
      await reader.close();
    };
    return { reader, stop };
  }

  /** Reads topics that are new, were made anew, or have more partitions. Only in the serial queue. */
  #add(reader: LogReader, topics: readonly Topic[]): void {
    if (this.#reader !== reader) return;
    for (const topic of topics) {
      const before = this.#state.sources.find(topic.name)?.partitions ?? [];
      const known = before.length > 0 && before[0].topicId === topic.id ? before.length : 0;
      const positions = this.#open(topic).slice(known);
      if (positions.length > 0) reader.add(positions);
    }
  }

  /** Where to read a topic's partitions on from; nowhere when there are too many sensors. */
  #open(topic: Topic): Position[] {
    const { sensors } = this.#state;
    if (!sensors.hasRoomFor(topic.name)) {
      sensors.refuse(topic.name);
      return [];
    }
    const { own, partitions } = this.#state.openTopic(topic);
    sensors.follow(own, true);
    return partitions.map(({ partition, next }) => ({ topic: topic.name, partition, offset: next }));
  }

  /** Why no readings of that sensor are taken; null: they are, though it may have to be admitted first. O(1). */
  refusal(name: string): TidemarkError | null {
    const { sensors } = this.#state;
    if (sensors.find(name)?.followed === true) return null;
    const what = `Cannot append to "${name}"`;
    const fault = sensorNameFault(name);
    if (this.#rule.sensors === null && fault !== null) {
      return new TidemarkError("request-invalid", `${what}: expected ${fault}`);
    }
    const mayBe = this.#rule.sensors?.includes(name) ?? this.#rule.passes(name);
    if (!mayBe) return new TidemarkError("not-found", `${what}: expected one of ${namesShown(sensors)}`);
    if (sensors.hasRoomFor(name)) return null;
    sensors.refuse(name);
    return new TidemarkError("too-many-sensors", `${what}: sensors must be <= ${sensors.max}, as many as there are`);
  }

  /** Follows a sensor that is not refused: its topic is made where that may be. @throws TidemarkError "topic-missing" where not, and those of the log */
  async admit(name: string): Promise<void> {
    const refusal = this.refusal(name);
    if (refusal !== null) throw refusal;
    const topic = this.#state.ledger.rootOf(name);
    const topics = this.#rule.mayCreate ? await this.#log.create([topic]) : (await this.#log.open([topic])).topics;
    if (topics.length === 0) {
      throw new TidemarkError(
        "topic-missing",
        `Cannot append to "${name}": expected its topic to exist (--create-topics makes it)`,
      );
    }
    await this.#queue.run(async () => {
      if (this.#reader !== null) this.#add(this.#reader, topics);
    });
  }

  /** What the log lacks, and what is configured but not read. */
  get notices(): readonly string[] {
    const waiting = this.#waiting();
    return [...(this.#log.notices ?? []), ...(waiting === null ? [] : [waiting])];
  }

  #waiting(): string | null {
    const { sensors } = this.#state;
    if (sensors.refused > 0) {
      return `sensors must be <= ${sensors.max}: ${sensors.refused} more are not followed`;
    }
    const missing = this.#isKnown
      ? (this.#rule.sensors ?? []).filter((name) => sensors.find(name)?.followed !== true)
      : [];
    if (missing.length === 0) return null;
    const isNone = missing.length === this.#rule.sensors?.length && this.#instead.length > 0;
    const instead = isNone ? `; there are ${firstOf(this.#instead)} (--topics names those to read)` : "";
    return `waiting for topics that do not exist: ${firstOf(missing)} (--create-topics makes them)${instead}`;
  }
}

/** `a, b, c, d, e and 7 more` */
function firstOf(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return `${names.slice(0, NAMES_SHOWN).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
