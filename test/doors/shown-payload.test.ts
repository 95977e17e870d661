/** What a station writes into its messages to prove who it is, is not shown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { shownPayload } from "../../src/doors/shown-payload.ts";

test("secrets of forms and JSON are left out, the rest is as it came", () => {
  const shown = (text: string) => shownPayload(text, 200);
  assert.equal(shown("ID=K1&PASSWORD=pw123&tempf=70"), "ID=K1&PASSWORD=…&tempf=70");
  assert.equal(shown("PASSKEY=ABCDEF&stationtype=x"), "PASSKEY=…&stationtype=x");
  assert.equal(shown('{"api_key": "k", "password":"p","temp":1}'), '{"api_key": "…", "password":"…","temp":1}');
  assert.equal(shown("passage=1&tokens=2&keyword=3"), "passage=1&tokens=2&keyword=3");
  assert.equal(shownPayload("PASSWORD=secret&a=1", 11), "PASSWORD=…&");
});
