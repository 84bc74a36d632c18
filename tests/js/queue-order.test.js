import assert from "node:assert/strict";
import { test } from "node:test";

import { comesBefore, isWaiting } from "../../static/js/components/queue-order.js";

/** A card as the page holds it. */
const card = (rank, expires, state = "open") => ({ dataset: { rank: String(rank), expires: String(expires), state } });

test("the more severe request comes first, whatever its time", () => {
  assert.ok(comesBefore(card(0, 900), card(1, 100)));
  assert.ok(!comesBefore(card(1, 100), card(0, 900)));
});

test("of two equally severe requests the one that ends sooner comes first", () => {
  assert.ok(comesBefore(card(1, 100), card(1, 200)));
  assert.ok(!comesBefore(card(1, 200), card(1, 100)));
});

test("a request that waits comes before one that has ended", () => {
  assert.ok(comesBefore(card(3, 900), card(0, 100, "executed")));
  assert.ok(!comesBefore(card(0, 100, "denied"), card(3, 900)));
});

test("a request that was signed still waits for its worker", () => {
  assert.ok(isWaiting(card(0, 1, "approved")));
  assert.ok(!isWaiting(card(0, 1, "expired")));
});
