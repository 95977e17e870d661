/** Seconds of a window that have passed: those that lie ahead say nothing of how often a running sensor reports. */
import type { Window } from "../core/window.ts";
import type { Answers } from "../engine/past.ts";

/** With the running second, and up to the sensor's newest counted reading where its clock is ahead; all of them of a window that has not begun. */
export function passedSeconds(
  { start, end }: Window,
  answers: Answers,
  sensor: string,
  nowMs: number,
  device?: string,
): number {
  const running = Math.floor(nowMs / 1000) + 1;
  if (end <= running) return end - start;
  const { lastTime } = answers.span(sensor, device);
  const reached = lastTime === null ? running : Math.max(running, Math.floor(lastTime / 1000) + 1);
  return reached <= start ? end - start : Math.min(end, reached) - start;
}
