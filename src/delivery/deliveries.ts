/** All targets of a configuration. */
import type { AlertStore } from "../alerts/alert-store.ts";
import type { DeliveryView } from "../alerts/delivery-view.ts";
import type { Clock } from "../core/clock.ts";
import type { OnNotice } from "../core/notice.ts";
import { Publisher } from "../doors/mqtt/publisher.ts";
import { Courier } from "./courier.ts";
import type { TargetSettings } from "./target-settings.ts";
import { postEvent } from "./webhook.ts";

interface DeliveriesOptions {
  readonly store: AlertStore;
  readonly clock: Clock;
  readonly onNotice: OnNotice;
  readonly onBug: (error: unknown) => void;
}

/** A courier each: a target that fails holds no other one up. */
export class Deliveries {
  readonly #couriers: readonly Courier[];
  readonly #publishers: Publisher[] = [];

  constructor(targets: readonly TargetSettings[], { clock, ...shared }: DeliveriesOptions) {
    this.#couriers = targets.map((target) => {
      if (target.kind === "webhook") {
        const { name } = target;
        return new Courier({ ...shared, name, send: (of, signal) => postEvent(target, of, clock.now(), signal) });
      }
      const publisher = new Publisher(target.broker, target.broker.clientId);
      this.#publishers.push(publisher);
      const send = ({ body }: { readonly body: string }) => publisher.publish(target.topic, Buffer.from(body));
      return new Courier({ ...shared, name: target.name, send });
    });
  }

  get views(): DeliveryView[] {
    return this.#couriers.map(({ view }) => view);
  }

  /** Something may wait, as after a start. */
  wake(): void {
    for (const courier of this.#couriers) courier.wake();
  }

  async close(): Promise<void> {
    for (const publisher of this.#publishers) publisher.close();
    await Promise.all(this.#couriers.map((courier) => courier.close()));
  }
}
