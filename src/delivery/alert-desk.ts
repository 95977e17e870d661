/** Alerts of a process, and who is told of them: the log, and the targets of the configuration. */
import type { EventKind } from "../alerts/alert.ts";
import { lineOf } from "../alerts/alert.ts";
import { type AlertsGiven, readAlertsPart } from "../alerts/alert-config.ts";
import { AlertStore } from "../alerts/alert-store.ts";
import { Alerts, type AlertsOptions } from "../alerts/alerts.ts";
import type { DeliveryView } from "../alerts/delivery-view.ts";
import type { NoticeKind, OnNotice } from "../core/notice.ts";
import type { MqttGiven } from "../doors/mqtt/mqtt-settings.ts";
import { Deliveries } from "./deliveries.ts";
import { readTargets } from "./target-settings.ts";

/** Which notice an event is. */
const NOTICE_OF = {
  raised: "alert-raised",
  ended: "alert-ended",
  changed: "alert-changed",
  "taken-back": "alert-taken-back",
} as const satisfies Record<EventKind, NoticeKind>;

/** What the configuration says. */
interface DeskConfig {
  /** The data directory. */
  readonly data: string;
  readonly alerts: AlertsGiven;
  readonly doors: MqttGiven;
}

/** Opened, working, stopped (nothing is judged or told, changes are still noted), closed. */
export class AlertDesk {
  readonly alerts: Alerts;
  readonly #deliveries: Deliveries;

  private constructor(alerts: Alerts, deliveries: Deliveries) {
    this.alerts = alerts;
    this.#deliveries = deliveries;
  }

  /** @throws TidemarkError "config-invalid", "data-dir-unusable" */
  static open(
    { data, alerts: given, doors }: DeskConfig,
    needs: Pick<AlertsOptions, "engine" | "clock" | "zone" | "onBug"> & { readonly onNotice: OnNotice },
  ): AlertDesk {
    const { rules: configured, targets } = readAlertsPart(given);
    const settings = readTargets(targets, { ...doors, file: given.file });
    const names = settings.map(({ name }) => name);
    const store = AlertStore.open(data);
    for (const notice of store.notices) needs.onNotice(notice, "damaged");
    try {
      const alerts = new Alerts({ ...needs, store, configured, file: given.file, targets: names });
      const deliveries = new Deliveries(settings, { ...needs, store });
      alerts.onEvents((events) => {
        for (const event of events) needs.onNotice(lineOf(event), NOTICE_OF[event.kind]);
        deliveries.wake();
      });
      return new AlertDesk(alerts, deliveries);
    } catch (error) {
      store.close();
      throw error;
    }
  }

  /** Judges, and tells, too, what an earlier process left. */
  open(): void {
    this.alerts.open();
    this.#deliveries.wake();
  }

  readonly deliveries = (): readonly DeliveryView[] => this.#deliveries.views;

  async stop(): Promise<void> {
    await this.#deliveries.close();
    await this.alerts.stop();
  }

  close(): void {
    this.alerts.close();
  }
}
