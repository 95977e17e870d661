/** Alerts beside a simulated pipeline, and a receiver of all that is told: both must know the oracle's alerts in the end. */
import assert from "node:assert/strict";
import type { AlertEvent } from "../../src/alerts/alert.ts";
import { AlertStore } from "../../src/alerts/alert-store.ts";
import { Alerts } from "../../src/alerts/alerts.ts";
import type { ManualClock } from "../../src/core/clock.ts";
import { openZone } from "../../src/core/zone.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import { alertsOf, type OracleRule } from "../oracle/alerts.ts";
import type { Oracle } from "../oracle/oracle.ts";
import type { Seeded } from "../oracle/seeded.ts";
import type { Beside } from "../simulation/simulation.ts";

const TARGET = "ops";

/** A rule for both sides. */
export interface TwoSided {
  readonly sensor: string;
  /** Whether each of its devices is judged by itself. */
  readonly byDevice: boolean;
  readonly rule: OracleRule;
  readonly given: Readonly<Record<string, unknown>>;
}

/** What the outside was told, each event once; it outlives the process. */
export class Receiver {
  readonly #seen = new Set<string>();
  readonly standing = new Map<string, { device: string | null; rule: string; from: number; ended: number | null }>();
  readonly counts = { raised: 0, ended: 0, changed: 0, "taken-back": 0 } satisfies Record<AlertEvent["kind"], number>;
  again = 0;

  hear(body: string): void {
    const { id, kind, first, alert } = JSON.parse(body);
    if (this.#seen.has(id)) {
      this.again++;
      return;
    }
    this.#seen.add(id);
    this.counts[kind as AlertEvent["kind"]]++;
    if (kind !== "raised") assert.ok(this.#seen.has(first), `${kind} of ${first}, which was not told`);
    if (kind === "taken-back") {
      assert.ok(this.standing.delete(alert.id), `${alert.id} was taken back, and was not told`);
      return;
    }
    const seconds = (time: string | null) => (time === null ? null : Date.parse(time) / 1000);
    this.standing.set(alert.id, {
      device: alert.device,
      rule: alert.rule,
      from: seconds(alert.from) ?? 0,
      ended: seconds(alert.ended),
    });
  }
}

export class AlertsBeside implements Beside {
  readonly #rules: ReadonlyMap<string, TwoSided>;
  readonly #receiver: Receiver;
  readonly #random: Seeded;
  readonly #store: AlertStore;
  readonly alerts: Alerts;

  constructor(
    rules: ReadonlyMap<string, TwoSided>,
    receiver: Receiver,
    random: Seeded,
    pipeline: Pipeline,
    clock: ManualClock,
    directory: string,
  ) {
    this.#rules = rules;
    this.#receiver = receiver;
    this.#random = random;
    this.#store = AlertStore.open(directory);
    this.alerts = new Alerts({
      engine: pipeline,
      store: this.#store,
      clock,
      zone: openZone("UTC"),
      configured: Object.fromEntries([...rules].map(([name, { given }]) => [name, { ...given, to: [TARGET] }])),
      file: "the test",
      targets: [TARGET],
      onBug: (error) => {
        throw error;
      },
    });
  }

  async taken(): Promise<void> {
    if (this.#random.chance(0.5)) return;
    await this.alerts.judge();
    if (this.#random.chance(0.5)) this.#deliver(this.#random.int(0, 20));
  }

  /** A delivery that is not noted comes again. */
  #deliver(most: number): void {
    for (let i = 0; i < most; i++) {
      const next = this.#store.nextDelivery(TARGET);
      if (next === null) return;
      this.#receiver.hear(next.body);
      if (this.#random.chance(0.9)) this.#store.delivered(TARGET, next.number);
    }
  }

  async stop(): Promise<void> {
    await this.alerts.stop();
  }

  close(): void {
    this.alerts.close();
  }

  async settle(): Promise<void> {
    await this.alerts.judge();
    assert.equal(this.alerts.trouble, null);
    while (this.#store.nextDelivery(TARGET) !== null) this.#deliver(100);
  }

  compare(oracle: Oracle): void {
    const told = [...this.#receiver.standing.values()];
    for (const [name, { sensor, byDevice, rule }] of this.#rules) {
      const view = this.alerts.rule(name) ?? assert.fail(name);
      const devices = byDevice
        ? [...new Set(oracle.sample(sensor, -1e10, 1e10).readings.map(deviceOf))].sort()
        : [null];
      const expected = devices.flatMap((device) => {
        const { readings } = oracle.sample(sensor, -1e10, 1e10, device ?? undefined);
        return alertsOf(rule, readings, view.judged).map((alert) => ({ device, ...alert }));
      });
      const kept = this.#store.list({ rule: name, limit: 1_000_000 }).filter(({ takenBackMs }) => takenBackMs === null);
      const spans = kept
        .map(({ device, from, raised, ended, value }) => ({ device, from, raised, ended, value }))
        .sort(inOrder);
      assert.deepEqual(spans, expected, `${name}: ${JSON.stringify(rule)} of ${sensor}`);
      const heard = told.filter((each) => each.rule === name).sort(inOrder);
      assert.deepEqual(
        heard.map(({ device, from, ended }) => ({ device, from, ended })),
        expected.map(({ device, from, ended }) => ({ device, from, ended })),
        `${name}, as it was told`,
      );
    }
  }
}

interface OfDevice {
  readonly device: string | null;
  readonly from: number;
}

function inOrder(a: OfDevice, b: OfDevice): number {
  const [one, other] = [a.device ?? "", b.device ?? ""];
  return one === other ? a.from - b.from : one < other ? -1 : 1;
}

const deviceOf = ({ device = "" }: { readonly device?: string }): string => device;
