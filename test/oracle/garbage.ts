/** Records that must be refused, by the code of their refusal. Part of test/oracle, which imports nothing from src/. */

const LONG = "x".repeat(257);
const ACCENTS = "é".repeat(129); // 129 characters, 258 bytes

/** A value just over 1 MiB, the first a number otherwise, the second an object. */
function tooLarge(): string[] {
  return ["7".padEnd(1_048_577, " "), `{"value":7,"note":"${"n".repeat(1_048_600)}"}`];
}

const withField = (name: string, values: readonly string[]): string[] =>
  values.map((value) => `{"value":1,"${name}":${value}}`);

const names = (name: string): string[] =>
  withField(name, ["true", "false", "{}", '["a"]', `"${LONG}"`, `"${ACCENTS}"`]);

/** Texts by code; null is a record without a value. */
export const GARBAGE: Readonly<Record<string, readonly (string | null)[]>> = {
  empty: [null, "", " ", "\n", "\t \r\n", "\0", "\ufeff", "\ufeff \0\n", "[]", " [ ] "],
  "not-a-number": [
    ..."true false null [1] [1,2] abc 0x10 1_000 0b11 1,5 12abc - + . --5 +-5 1e e5 1e+ .e1 1.2.3 <value>5</value>".split(
      " ",
    ),
    '"abc"',
    '""',
    '[{"value":1},2]',
    "21\nabc\n22",
    ...["true", "false", "{}", "[1]", '"abc"', '""', '"0x10"', '"NaN"', '{"value":1}'].map(
      (value) => `{"value":${value}}`,
    ),
    '{"value":"x","time":"never","device":true,"sequence":-1}',
  ],
  "numeric-string": ['"+42"', ' "-3.5e2"\n', '"007"', '{"value":"4.2e1"}', '{"device":"a","sequence":1,"value":".37"}'],
  "not-finite": [
    "NaN",
    "nan",
    "Infinity",
    "-Infinity",
    "inf",
    "1e999",
    "-1e400",
    " NaN\n",
    '{"value":1e999}',
    '{"value":-1e309}',
  ],
  "too-large": [
    "1.0000000000000002e150",
    "-1e151",
    "1e308",
    '{"value":1e200}',
    '{"value":-1.7976931348623157e308}',
    `1${"0".repeat(151)}`,
  ],
  "too-small": [
    "9.9e-141",
    "-1e-300",
    "1e-400",
    "-0.0000001e-999",
    `0.${"0".repeat(150)}1`,
    '{"value":1e-200}',
    '{"value":1e-400}',
    '{"value":-5e-324}',
  ],
  unreadable: [
    "{",
    "{]",
    '{"value":1',
    '{"value":1,}',
    "{value:1}",
    "{'value':1}",
    '{"value":01}',
    '{"value":+1}',
    '{"value":.5}',
    '{"value":5.}',
    '{"value":NaN}',
    '{"value":1}x',
    '{"value":1}{"value":2',
    "[1",
    '[{"value":1},]',
    '[{"value":1}{"value":2}]',
    '[{"value":1}',
    '{\n"value":NaN,\n"history":[\n900\n]\n}',
    '{\n// probe\n"value":21.5,\n"history":[\n900\n]\n}',
    ' {"value" 1}',
    '{"device":"a\nb","value":1}',
    '{"device":"\\x41","value":1}',
    '{"value":1,"device":"a}',
  ],
  "value-missing": [
    "{}",
    ' { "device" : "a" } ',
    '{"value":null}',
    '{"Value":1}',
    '{"data":{"value":1}}',
    '{"time":"never"}',
  ],
  "time-unreadable": [
    ...withField("time", ['"yesterday"', '""', "true", "{}", "[]", '"2020-13-01T00:00:00Z"', '"2021-02-29T00:00:00Z"']),
    ...withField("time", [
      '"2020-01-01T25:00:00Z"',
      '"2020-01-01T00:61:00Z"',
      '"13.01.2020"',
      '"2020-01-01T00:00:00Zulu"',
    ]),
    ...withField("ts", ['"noon"', '"now"', '"2020-W54"', '"2020-01-01 12:00[Mars]"', "false"]),
    '{"value":1,"time":"noon","device":true,"boot":[],"id":"","sequence":-1}',
  ],
  "time-looks-like-seconds": [
    ...withField("time", ["1579000000", '"1579000000"', "-1579000000.25", "-1579000000", "9999999999", "1000000000"]),
    ...withField("ts", ["1700000000", '"1578928320.5"']),
  ],
  "time-looks-like-microseconds": withField("time", ["1578928320000000", '"1578928320000000"', "1e15"]),
  "time-looks-like-nanoseconds": withField("ts", ["1578928320000000000", '"1578928320000000000"']),
  "time-looks-like-date": withField("time", [
    ...["20200113151200", "202001131512", "20200113151200123"].flatMap((digits) => [digits, `"${digits}"`]),
  ]),
  "time-out-of-range": [
    ...withField("time", ["253402300800000", "-62135596800001", "1e17", '"99999999999999999"', "-1e300"]),
    ...withField("ts", ["1e16"]),
  ],
  "device-invalid": [...names("device"), '{"value":1,"device":[],"boot":[],"id":"","sequence":-1}'],
  "boot-invalid": [...names("boot"), '{"value":1,"boot":[],"id":"","sequence":-1}'],
  "id-invalid": [
    ...withField("id", ['""', "true", "{}", "[]", `"${"i".repeat(1025)}"`, `"${"é".repeat(513)}"`]),
    '{"value":1,"id":"","sequence":-1}',
  ],
  "sequence-invalid": [
    ...withField("sequence", ["-1", "1.5", "9007199254740992", "1e300", '"5.0"', '"07"', '"-1"', "true", "{}", "[]"]),
    ...withField("seq", ["-1", '"9007199254740993"', '" 7"', '""']),
    '{"value":1,"device":"a","sequence":0.5,"seq":7}',
  ],
  "record-too-large": tooLarge(),
};

export const GARBAGE_CODES: readonly string[] = Object.keys(GARBAGE);
