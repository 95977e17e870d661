/** Answers of one turn go out together, in order, and never wait for other work twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AnswerQueue } from "../../src/server/answer-queue.ts";
import {
  TURN_ANSWERS_MAX,
  TURN_LATE_MS,
  TURN_MS_MAX,
  TURN_SKIPS,
  TURN_VAIN_TURNS_MAX,
} from "../../src/server/limits.ts";

/** An queue whose time passes by `work` alone, and what it has written. */
function open() {
  let nowMs = 0;
  const queue = new AnswerQueue(() => nowMs);
  const written: string[] = [];
  const put = (...texts: string[]): void => {
    for (const text of texts) queue.end({ end: (body) => written.push(body) }, text);
  };
  const work = (ms: number): void => {
    nowMs += ms;
  };
  return { put, work, written };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("answers of one turn are written at its end, in their order", async () => {
  const { put, written } = open();
  for (const round of ["a", "b", "c"]) {
    written.length = 0;
    put(`${round}1`, `${round}2`);
    assert.deepEqual(written, []);
    await turn();
    assert.deepEqual(written, [`${round}1`, `${round}2`]);
  }
});

test("many answers, or answers that take long, do not wait for the end", async () => {
  const { put, work, written } = open();
  const many = Array.from({ length: TURN_ANSWERS_MAX + 3 }, (_, i) => `${i}`);
  put(...many);
  assert.deepEqual(written, many.slice(0, TURN_ANSWERS_MAX));
  await turn();
  assert.deepEqual(written, many);

  written.length = 0;
  put("first");
  work(2 * TURN_MS_MAX);
  put("slow");
  assert.deepEqual(written, ["first", "slow"]);
  put("next");
  await turn();
  assert.deepEqual(written, ["first", "slow", "next"]);
});

test("after turns with other work in them, answers go at once for a while", async () => {
  const { put, work, written } = open();
  const busyTurn = async (): Promise<void> => {
    setImmediate(() => work(2 * TURN_LATE_MS));
    const before = written.length;
    put("waits", "with another");
    assert.equal(written.length, before);
    await turn();
    assert.equal(written.length, before + 2);
  };
  for (let i = 1; i < TURN_VAIN_TURNS_MAX; i++) await busyTurn();
  put("not yet", "twice");
  await turn();
  for (let i = 0; i < TURN_VAIN_TURNS_MAX; i++) await busyTurn();
  for (let round = 0; round < 2; round++) {
    const before = written.length;
    for (let i = 0; i < TURN_SKIPS; i++) put(`${i}`);
    assert.equal(written.length, before + TURN_SKIPS);
    await busyTurn();
  }
});

test("who asks one thing at a time is answered at once, until there are others", async () => {
  const { put, written } = open();
  const lone = async (): Promise<boolean> => {
    const before = written.length;
    put("lone");
    const atOnce = written.length > before;
    await turn();
    return atOnce;
  };
  for (let i = 0; i < TURN_VAIN_TURNS_MAX; i++) assert.equal(await lone(), false);
  for (let i = 0; i < TURN_SKIPS; i++) assert.equal(await lone(), true);
  assert.equal(await lone(), false);
  for (let i = 0; i < TURN_SKIPS; i++) assert.equal(await lone(), true);
  for (let i = 0; i < 3; i++) {
    put("two", "at a time");
    assert.equal(written.at(-1), i === 0 ? "lone" : "at a time");
    await turn();
    assert.equal(written.at(-1), "at a time");
  }
  assert.equal(await lone(), false);
});

test("an end that makes another answer leaves none behind", async () => {
  const queue = new AnswerQueue();
  const written: string[] = [];
  const last = { end: (body: string) => written.push(body) };
  queue.end(
    {
      end: (body) => {
        written.push(body);
        queue.end(last, "last");
      },
    },
    "first",
  );
  await turn();
  await turn();
  assert.deepEqual(written, ["first", "last"]);
});
