/** The tolerated JSON: exactly JSON.parse's language plus trailing commas, keys in the order of the text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { depthOf, keysInOrder, parseLenient, repeatedKeys } from "../../src/server/lenient-json.ts";

const TEXTS = ["", "a", ",}", ",]", '"', "\\", '\\",}', "é\u2028", "__proto__", "7", "10", "[,", "\n", "{"];
const SPACES = ["", "", " ", "\n\t", "\r\n"];

/** Writes a random value twice: plainly, and with a comma after the last item of some lists and objects. */
class Writer {
  readonly random: Random;
  commas = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  document(): { plain: string; tailed: string } {
    return this.#group("{", "}", 5, () => this.#member(4));
  }

  value(depth: number): { plain: string; tailed: string } {
    const kind = this.random.integer(0, depth > 0 ? 6 : 4);
    if (kind === 5) return this.#group("[", "]", depth, () => this.value(depth - 1));
    if (kind === 6) return this.#group("{", "}", depth, () => this.#member(depth - 1));
    const plain = kind === 0 ? this.#text() : this.random.pick(["1", "-0.5e-3", "true", "null"]);
    return { plain, tailed: plain };
  }

  #text(): string {
    return JSON.stringify(this.random.pick(TEXTS) + this.random.pick(TEXTS));
  }

  #member(depth: number): { plain: string; tailed: string } {
    const key = this.#text() + this.random.pick(SPACES) + ":" + this.random.pick(SPACES);
    const { plain, tailed } = this.value(depth);
    return { plain: key + plain, tailed: key + tailed };
  }

  #group(open: string, close: string, depth: number, item: () => { plain: string; tailed: string }) {
    const items = Array.from({ length: this.random.integer(0, depth + 1) }, item);
    const space = this.random.pick(SPACES);
    const tail = items.length > 0 && this.random.chance(0.5) ? `${this.random.pick(SPACES)},${space}` : space;
    if (tail.includes(",")) this.commas++;
    const join = (texts: string[], end: string) => open + space + texts.join(`,${space}`) + end + close;
    return {
      plain: join(
        items.map((each) => each.plain),
        space,
      ),
      tailed: join(
        items.map((each) => each.tailed),
        tail,
      ),
    };
  }
}

test("trailing commas change nothing, wherever they are", () => {
  let commas = 0;
  for (let seed = 0; seed < 2000; seed++) {
    const writer = new Writer(seed);
    const { plain, tailed } = writer.document();
    commas += writer.commas;
    const parsed = parseLenient(tailed);
    assert.ok("value" in parsed, `${tailed}: ${JSON.stringify(parsed)}`);
    assert.deepEqual(parsed.value, JSON.parse(plain), tailed);
    assert.equal(parsed.text.length, tailed.length);
  }
  assert.ok(commas > 1000, `${commas} trailing commas`);
});

test("nothing else is tolerated", () => {
  const refused = [
    "[,]",
    "{,}",
    "[1,,]",
    "[,1]",
    '{"a":,}',
    '{"a",}',
    "[1,]]",
    "[1},]",
    ",",
    "1,",
    "[1,",
    "'a'",
    "{a:1}",
  ];
  const more = [
    "/**/1",
    "[1,//\n]",
    "+1",
    ".5",
    "0x1",
    "NaN",
    "[1, \u00a0]",
    '"a\nb"',
    '{"a":1,}x',
    '["\\",]',
    "\ufeff",
    '"a",',
  ];
  for (const text of [...refused, ...more]) assert.ok("unreadable" in parseLenient(text), text);
  assert.deepEqual(parseLenient('\ufeff{"a":1}'), { value: { a: 1 }, text: '{"a":1}' });
});

test("positions in messages are those of the text as it was sent", () => {
  const text = '{"a": [1,\n2,],\n"b": oops}';
  const parsed = parseLenient(text);
  assert.ok("unreadable" in parsed);
  const position = Number(/position (\d+)/.exec(parsed.unreadable)?.[1] ?? text.indexOf("oops"));
  assert.equal(text[position], "o");
});

test("a long run of commas and brackets takes linear time", () => {
  const text = "[".repeat(20_000) + "1" + ",]".repeat(20_000);
  assert.ok("value" in parseLenient(text));
  assert.ok("unreadable" in parseLenient(",".repeat(60_000) + "}"));
});

test("keys come in the order of the text", () => {
  const cases: [string, string[]][] = [
    ['{"b":1,"a":2}', ["b", "a"]],
    ['{"b":{"2":1,"1":{"0":0}},"10":"9","x":["7",{"8":1}],"9":"x\\"\\\\","0":":"}', ["b", "10", "x", "9", "0"]],
    ['{"2" : 1 ,\n"\\u0031":"2\\":", "a":1,"2":3}', ["2", "1", "a"]],
    ['{"01":1,"1":2,"-1":3,"4294967295":4,"4294967294":5}', ["01", "1", "-1", "4294967295", "4294967294"]],
    ["{}", []],
  ];
  for (const [text, keys] of cases) assert.deepEqual(keysInOrder(JSON.parse(text), text), keys);
});

test("keys that are there more than once", () => {
  const cases: [string, Record<string, number> | null][] = [
    ["{}", null],
    ['{"a":1,"b":{"a":1,"a":2},"c":["a:",{"x":1}],"d:":":"}', null],
    ['{"a":1,"b":2,"a":3}', { a: 2, b: 1 }],
    ['{"a":"\\"a\\":","a\\\\":1,"\\u0061":2 , "" :0}', { a: 2, "a\\": 1, "": 1 }],
    ['{"1":1,"__proto__":2,"__proto__":3,"1":4}', { 1: 2, __proto__$: 2 }],
  ];
  for (const [text, times] of cases) {
    const found = repeatedKeys(Object.keys(JSON.parse(text)), text);
    const wanted = times && new Map(Object.entries(times).map(([key, count]) => [key.replace("$", ""), count]));
    assert.deepEqual(found, wanted, text);
  }
});

test("depth counts brackets outside texts", () => {
  const cases: [string, number][] = [
    ["1", 0],
    ["[]", 1],
    ['{"[[":"{{\\"["}', 1],
    ['[{"a":[1]},[[]]]', 3],
  ];
  for (const [text, depth] of cases) assert.equal(depthOf(text), depth, text);
});
