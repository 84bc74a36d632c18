import assert from "node:assert/strict";
import { test } from "node:test";

import { forWords, inWords, spoken } from "../../static/js/lib/duration.js";

test("a countdown shows minutes and seconds below an hour", () => {
  assert.equal(inWords(3599), "59:59 left");
  assert.equal(inWords(61), "1:01 left");
  assert.equal(inWords(9), "0:09 left");
});

test("a countdown of hours does not tick", () => {
  assert.equal(inWords(3600), "1 h 00 min left");
  assert.equal(inWords(7320), "2 h 02 min left");
});

test("a countdown ends, and never runs below nothing", () => {
  assert.equal(inWords(0), "time is over");
  assert.equal(inWords(-5), "time is over");
  assert.equal(spoken(-5), "The time is over.");
});

test("what is read aloud is rounded to minutes", () => {
  assert.equal(spoken(299), "5 minutes left.");
  assert.equal(spoken(60), "One minute left.");
});

test("how long something has been so is told in minutes, and a clock that disagrees tells no nonsense", () => {
  assert.equal(forWords(-5), "for less than a minute");
  assert.equal(forWords(59), "for less than a minute");
  assert.equal(forWords(60), "for 1 min");
  assert.equal(forWords(3599), "for 59 min");
  assert.equal(forWords(3900), "for 1 h 05 min");
});
